"""What is left where jaxlib is not installed: the text, and an error that says what to install."""

import subprocess
import sys

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
