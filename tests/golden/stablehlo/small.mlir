module @"a \"small\" net" {
  func.func public @main(%arg0: tensor<2x3xf32> loc("data"), %arg1: tensor<4x3xf32> loc("w"), %arg2: tensor<4xf32> loc("b")) -> (tensor<2x4xf32>) {
    %0 = "stablehlo.dot_general"(%arg0, %arg1) {dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>, precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]} : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32> loc("fc")
    %1 = "stablehlo.broadcast_in_dim"(%arg2) {broadcast_dimensions = array<i64: 1>} : (tensor<4xf32>) -> tensor<2x4xf32> loc("fc")
    %2 = "stablehlo.add"(%0, %1) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> loc("fc")
    %3 = "stablehlo.constant"() {value = dense<0.0> : tensor<2x4xf32>} : () -> tensor<2x4xf32> loc("act")
    %4 = "stablehlo.maximum"(%2, %3) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> loc("act")
    return %4 : tensor<2x4xf32>
  }
}

