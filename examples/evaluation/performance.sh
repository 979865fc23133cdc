#!/usr/bin/env bash
# Speed: 100 batches of one image, traced at the level of the model, published. `examples/evaluation/accuracy.sh` takes all images.
set -euo pipefail

FOLDER=${FOLDER:-out/evaluation}                        # what `python -m examples.evaluation.records` wrote
DATABASE_ADDRESS=${DATABASE_ADDRESS:-$FOLDER/evaluations.db} # or postgresql://user@host
DATABASE_NAME=${DATABASE_NAME:-resnet50_v1_model_trace}
MODEL_NAME=${MODEL_NAME:-ResNet50_v1}
MODEL_VERSION=${MODEL_VERSION:-1.0}
NUM_FILE_PARTS=${NUM_FILE_PARTS:-100}                   # batches; -1 for all images
BATCH_SIZE=${BATCH_SIZE:-1}
TRACE_LEVEL=${TRACE_LEVEL:-MODEL_TRACE}

ngc-eval predict dataset \
    --fail_on_error=true \
    --verbose \
    --publish=true \
    --publish_predictions="${PUBLISH_PREDICTIONS:-false}" \
    --gpu=0 \
    --num_file_parts="$NUM_FILE_PARTS" \
    --batch_size="$BATCH_SIZE" \
    --model_name="$MODEL_NAME" \
    --model_version="$MODEL_VERSION" \
    --model_dir="$FOLDER" \
    --dataset_name="$FOLDER/images.rec" \
    --base_dir="$FOLDER/results" \
    --database_address="$DATABASE_ADDRESS" \
    --database_name="$DATABASE_NAME" \
    --trace_level="$TRACE_LEVEL" \
    "$@"
