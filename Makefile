# make demo | test | test-full | fuzz | lint | bench | tensorrt: each makes .venv first where it is missing or older than setup.cfg.
# PYTHON chooses the interpreter (3.11 to 3.13), JOBS the number of test processes.

JOBS ?= 2
EXECUTIONS ?= 1000000
SEED ?= 1
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

DEPLOYED := ssd_resnet18,ssd_resnet18_trunk,yolo3_darknet53_trunk,fcn_resnet50,deeplab_resnet50,bert_base,transformer_encoder,lstm_lm
NETWORKS := resnet18_v1,resnet18_v2,resnet50_v1,resnet50_v2,resnet101_v2,mobilenet1.0,mobilenetv2_1.0,vgg16,densenet121,inceptionv3,squeezenet1.1,alexnet

.PHONY: env demo test test-full fuzz lint bench tensorrt clean

env: .venv/complete

.venv/complete: setup.cfg pyproject.toml scripts/make_env scripts/install_tensorrt
	@scripts/make_env

demo: env
	@$(BIN)/python -m examples.demo

# The tests' own processes share the cores; MXNet's threads would only wait for each other. No tests (5) is no failure.
test: env
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not full and not gpu" || test $$? -eq 5

# AArch64 code runs under emulation: without qemu-user and binutils-aarch64-linux-gnu of Debian those tests are skipped.
test-full: env
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not gpu" || test $$? -eq 5

# Every reader of files, a million inputs each unless told otherwise; inputs that break one are left in out/fuzz. A core takes some hours for all.
fuzz: env
	@NGC_CACHE_DIR=out/fuzz/cache $(BIN)/python -m tests.fuzz $(READERS) --executions $(EXECUTIONS) --seed $(SEED)

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy bench examples

# PyTorch takes part where it is installed (python -m bench.models --help says how). All of it takes some hours.
bench: env
	@$(BIN)/python -m bench.models --models $(NETWORKS) --precision fp32,bf16 --threads 1,2 --json out/models.json
	@$(BIN)/python -m bench.models --models $(NETWORKS) --batch 16,32 --threads 2 --json out/batches.json
	@$(BIN)/python -m bench.models --models $(NETWORKS) --precision int8 --threads 1,2 --json out/int8.json
	@$(BIN)/python -m bench.models --models $(DEPLOYED) --threads 1,2 --json out/deployed.json
	@$(BIN)/python -m bench.accuracy --json out/accuracy.json
	@$(BIN)/python -m bench.accuracy --zoo --json out/accuracy_zoo.json
	@$(BIN)/python -m bench.kernels --precision fp32,bf16,int8 --json out/kernels.json
	@$(BIN)/python -m bench.compile_time --json out/compile_time.json
	@$(BIN)/python -m bench.sample_block --threads 1,2 --json out/sample_block.json
	@$(BIN)/python -m bench.report --models-json out/models.json,out/batches.json,out/int8.json --kernels-json out/kernels.json --compile-json out/compile_time.json \
		--sample-json out/sample_block.json --accuracy-json out/accuracy.json,out/accuracy_zoo.json -o out/report.html --markdown out/report.md

# TensorRT for RTX, some 100 MB, where `make env` has not installed it already: it does on x86-64 with Python 3.11.
tensorrt: env
	@scripts/install_tensorrt

clean:
	rm -rf .venv out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
