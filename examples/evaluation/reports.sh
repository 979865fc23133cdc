#!/usr/bin/env bash
# What was published by performance.sh and accuracy.sh: latency and accuracy, then everything, and the page.
set -euo pipefail

FOLDER=${FOLDER:-out/evaluation}
DATABASE=(--database_address="${DATABASE_ADDRESS:-$FOLDER/evaluations.db}" --database_name="${DATABASE_NAME:-resnet50_v1_model_trace}")
MODEL=(--model_name="${MODEL_NAME:-ResNet50_v1}" --model_version="${MODEL_VERSION:-1.0}")

ngc-eval info evaluation latency --batch_size=1 "${MODEL[@]}" "${DATABASE[@]}"
ngc-eval info evaluation accuracy --batch_size=16 "${MODEL[@]}" "${DATABASE[@]}"
ngc-eval info evaluation all "${MODEL[@]}" "${DATABASE[@]}" --format=csv --output="$FOLDER/reports" --overwrite
ngc-eval report "${MODEL[@]}" "${DATABASE[@]}" --output="$FOLDER/report.html" --overwrite
