"""What is left where jaxlib is not installed, or another one: the text, and an error that says what to install."""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from ngc.codegen.stablehlo import emit_stablehlo
from ngc.codegen.stablehlo.hlo import JAXLIB, jaxlib_client, verify_stablehlo
from ngc.errors import EngineError
from ngc.ir import parse

SCRIPT = """
import sys
sys.modules["jaxlib"] = None
import ngc
from ngc.codegen.stablehlo import emit_stablehlo
from ngc.codegen.stablehlo.hlo import hlo_module
from ngc.ir import parse
text = emit_stablehlo(parse(sys.argv[1])).text
assert "stablehlo.maximum" in text
try:
    hlo_module(text)
except ngc.EngineError as error:
    print(error)
"""

GRAPH = """graph @g(%x: f32[2]) stage("canonical") {
  %y = relu(%x) : f32[2]
  return %y
}"""


def test_the_text_is_written_and_the_rest_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, GRAPH], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("XLA is reached through jaxlib, which cannot be imported (")
    assert done.stdout.endswith("pip install 'ngc[neuron]' installs it\n")


def test_a_jaxlib_with_other_insides_is_told_from_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(jaxlib_client()._xla, "jax_jit")
    with pytest.raises(EngineError, match=r"^jaxlib [0-9.]+ has no jax_jit; ngc works with jaxlib 0\.4\.38: pip install 'ngc\[neuron\]' installs it$"):
        jaxlib_client()


def test_a_jaxlib_with_other_dialects_is_told_from_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jaxlib.mlir.dialects", None)
    with pytest.raises(EngineError, match=r"^jaxlib [0-9.]+ has no jaxlib\.mlir\.dialects; ngc works with jaxlib 0\.4\.38: "):
        verify_stablehlo(emit_stablehlo(parse(GRAPH)).text)


def test_the_extra_installs_that_version() -> None:
    setup = ConfigParser()
    setup.read(Path(__file__).parents[3] / "setup.cfg")
    assert f"jaxlib=={JAXLIB}" in setup["options.extras_require"]["neuron"]
