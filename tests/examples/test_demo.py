"""Tests that what the demo needs where MXNet is missing is kept in the repository, and that the demo runs with it."""

import os
import subprocess
import sys

import numpy as np

import ngc
from examples.demo import RESNET_SHAPE, RESNET_SYMBOL
from examples.digits_data import FOLDER, held_out_digits
from examples.digits_network import KEPT
from examples.random_weights import draw_parameters


def test_the_kept_checkpoint_reads_the_held_out_digits():
    digits = held_out_digits()
    executable = ngc.compile(str(KEPT), shapes={"data": ("N", *digits.images.shape[1:])})
    right = executable.run({"data": digits.images})[0].argmax(1) == digits.labels
    assert right.mean() >= 0.97


def test_the_kept_files_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1 << 20


def test_drawn_weights_make_a_whole_model():
    graph = ngc.import_model(RESNET_SYMBOL, draw_parameters(RESNET_SYMBOL), shapes={"data": RESNET_SHAPE})
    assert graph.count()["conv2d"] == 53
    assert all(np.isfinite(array).all() for array in draw_parameters(RESNET_SYMBOL).values())


def test_the_demo_without_mxnet_says_what_it_leaves_out(tmp_path):
    done = subprocess.run([sys.executable, "-m", "examples.demo", "--without-mxnet", "--folder", str(tmp_path)], capture_output=True, text=True,
                          env={**os.environ, "COLUMNS": "160"}, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "no training and no comparison" in done.stdout
    assert "held-out digits right" in done.stdout
    assert "443 of 450: 98.44%" in done.stdout
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "resnet50_v2-dump" / "index.html").exists()
