#!/usr/bin/env bash
# Accuracy: the whole data set, with the answer to each image published, and without a trace.
set -euo pipefail
export NUM_FILE_PARTS=-1 BATCH_SIZE=${BATCH_SIZE:-16} TRACE_LEVEL=${TRACE_LEVEL:-NO_TRACE} PUBLISH_PREDICTIONS=true
exec "$(dirname "$0")/performance.sh" "$@"
