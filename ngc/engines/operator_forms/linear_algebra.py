"""What engines have. Factorizations, inverses and triangular products of batches of matrices."""

from ngc.engines.forms import Form, Refusal

_OPERATORS = ("cholesky", "inverse", "lu_pivots", "lq", "eigh", "triangular_matmul", "triangular_solve")

_ONNX_LACKS = {
    "cholesky": "ONNX has no Cholesky factorization", "inverse": "ONNX has no inverse of matrices",
    "lu_pivots": "ONNX has the determinant itself, but not the pivots that its logarithm takes", "lq": "ONNX has no orthogonal factorization",
    "eigh": "ONNX has no eigenvectors", "triangular_matmul": "ONNX has no products with triangles, whose other halves may hold NaN",
    "triangular_solve": "ONNX has no triangular systems",
}

ONNX: dict[str, Form] = {name: Form(reason=reason) for name, reason in _ONNX_LACKS.items()}

STABLEHLO: dict[str, Form] = dict.fromkeys(_OPERATORS, Form(reason="small matrices are factored and solved on the CPU, column by column"))

TENSORRT: dict[str, Refusal] = {}
