"""Every forward operator of MXNet 1.9.1 by name and aliases: those that a deployed symbol can hold, and the others with the reason why none holds them.

Taken from `MXListAllOpNames`, without the operators of the backward pass. Each name is followed by its aliases, joined by `=`.
"""

from collections.abc import Mapping
from types import MappingProxyType


def _names(text: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for entry in text.split():
        name, *aliases = entry.split("=")
        table[name] = tuple(aliases)
    return table


_EXCLUDED: dict[str, str] = {
    "trains: an optimizer's step, or a norm or check over all gradients": """
        _adamw_update _contrib_group_adagrad_update _mp_adamw_update _multi_adamw_update _multi_lamb_update _multi_mp_adamw_update
        _multi_mp_lamb_update _sparse_adagrad_update adam_update=_sparse_adam_update ftml_update ftrl_update=_sparse_ftrl_update lamb_update_phase1
        lamb_update_phase2 mp_lamb_update_phase1 mp_lamb_update_phase2 mp_nag_mom_update mp_sgd_mom_update mp_sgd_update multi_lars
        multi_mp_sgd_mom_update multi_mp_sgd_update multi_sgd_mom_update multi_sgd_update nag_mom_update preloaded_multi_mp_sgd_mom_update
        preloaded_multi_mp_sgd_update preloaded_multi_sgd_mom_update preloaded_multi_sgd_update reset_arrays rmsprop_update rmspropalex_update
        sgd_mom_update=_sparse_sgd_mom_update sgd_update=_sparse_sgd_update signsgd_update signum_update
    """,
    "trains: a loss, its targets or its regularization": """
        CTCLoss=_contrib_CTCLoss=_contrib_ctc_loss=ctc_loss IdentityAttachKLSparseReg _contrib_MultiBoxTarget=_npx_multibox_target
    """,
    "draws random numbers, or is the density of a distribution, for training": """
        _image_adjust_lighting=_npx__image_adjust_lighting _image_random_brightness=_npx__image_random_brightness
        _image_random_color_jitter=_npx__image_random_color_jitter _image_random_contrast=_npx__image_random_contrast
        _image_random_flip_left_right=_npx__image_random_flip_left_right _image_random_flip_top_bottom=_npx__image_random_flip_top_bottom
        _image_random_hue=_npx__image_random_hue _image_random_lighting=_npx__image_random_lighting
        _image_random_saturation=_npx__image_random_saturation _npi_bernoulli _npi_choice _npi_exponential _npi_gamma _npi_gumbel _npi_logistic
        _npi_multinomial _npi_normal _npi_normal_n _npi_pareto _npi_rayleigh _npi_uniform _npi_uniform_n _npi_weibull
        _random_exponential=random_exponential _random_exponential_like _random_gamma=random_gamma _random_gamma_like
        _random_generalized_negative_binomial=random_generalized_negative_binomial _random_generalized_negative_binomial_like
        _random_negative_binomial=random_negative_binomial _random_negative_binomial_like _random_normal=normal=random_normal _random_normal_like
        _random_pdf_dirichlet=random_pdf_dirichlet _random_pdf_exponential=random_pdf_exponential _random_pdf_gamma=random_pdf_gamma
        _random_pdf_generalized_negative_binomial=random_pdf_generalized_negative_binomial _random_pdf_negative_binomial=random_pdf_negative_binomial
        _random_pdf_normal=random_pdf_normal _random_pdf_poisson=random_pdf_poisson _random_pdf_uniform=random_pdf_uniform
        _random_poisson=random_poisson _random_poisson_like _random_randint=_npi_random_randint=random_randint _random_uniform=random_uniform=uniform
        _random_uniform_like _sample_exponential=sample_exponential _sample_gamma=sample_gamma
        _sample_generalized_negative_binomial=sample_generalized_negative_binomial _sample_multinomial=sample_multinomial
        _sample_negative_binomial=sample_negative_binomial _sample_normal=sample_normal _sample_poisson=sample_poisson _sample_uniform=sample_uniform
        _sample_unique_zipfian _shuffle=_npi_shuffle=shuffle
    """,
    "is of sparse storage, which parameters and data lose when they are read": """
        _contrib_edge_id _contrib_getnnz _sparse_retain _square_sum
    """,
    "is of the graph library DGL, on sparse adjacency matrices": """
        _contrib_dgl_adjacency _contrib_dgl_csr_neighbor_non_uniform_sample _contrib_dgl_csr_neighbor_uniform_sample _contrib_dgl_graph_compact
        _contrib_dgl_subgraph
    """,
    "reads or decodes images, before a model runs": """
        _cvcopyMakeBorder _cvimdecode=_npi_cvimdecode _cvimread=_npi_cvimread _cvimresize=_npi_cvimresize _imdecode
    """,
    "writes into an array that exists: assignment in imperative code": """
        _copyto=_npi_copyto _npi_boolean_mask_assign_scalar _npi_boolean_mask_assign_tensor _npi_share_memory _onehot_encode _set_value
        fill_element_0index
    """,
    "is of MXNet's own machinery, or the user's code in another language": """
        Custom=_npi_Custom _CachedOp _CachedOpThreadSafe _CustomFunction _NDArray _Native _npx_constraint_check
    """,
    "is of calibration, which precedes deployment, or of a check between arrays": """
        _contrib_calibrate_entropy
    """,
}

_REFUSED: dict[str, str] = {
    "the result's shape depends on the data's values": """
        _contrib_boolean_mask=_npi_boolean_mask _npi_bincount _npi_delete _npi_unique _npx_nonzero=_npi_nonzero
    """,
    "integers are MXNet's own here: the layer in floating point that they stand for is in no symbol": """
        _contrib_quantize_asym _contrib_quantized_rnn _sg_mkldnn_selfatt_qk _sg_mkldnn_selfatt_valatt
    """,
    "MXNet computes it on GPUs alone": """
        _contrib_count_sketch _contrib_fft _contrib_ifft
    """,
    "the results are complex numbers": """
        _npi_eig _npi_eigvals
    """,
    "a point process for training, in none of the deployed models surveyed": """
        _contrib_hawkesll
    """,
    "a function of numpy's for analysis and statistics, in none of the deployed models surveyed": """
        _npi_diag_indices_from _npi_lcm _npi_lcm_scalar _npi_powerd
    """,
    "a decomposition or a general solver, for analysis": """
        _npi_pinv _npi_pinv_scalar_rcond _npi_solve _npi_svd _npi_tensorinv _npi_tensorsolve
    """,
    "made while MXNet fuses a graph for oneDNN; files hold BatchNorm and Activation": """
        _contrib_BatchNormWithReLU
    """,
}

_OTHERS = """
    Activation=_npx_activation BatchNorm=_npx_batch_norm BatchNorm_v1 BilinearSampler BlockGrad=_sparse_stop_gradient=stop_gradient
    Cast=_npi_cast=_npx_cast=cast Concat=_sparse_concat=concat Convolution=_npx_convolution Convolution_v1 Correlation Crop
    Deconvolution=_npx_deconvolution Dropout=_npx_dropout Embedding=_npx_embedding=_sparse_Embedding Flatten=_npx_batch_flatten=flatten
    FullyConnected=_npx_fully_connected=_sparse_FullyConnected GridGenerator GroupNorm InstanceNorm L2Normalization LRN LayerNorm=_npx_layer_norm
    LeakyReLU=_npx_leaky_relu LinearRegressionOutput=_sparse_LinearRegressionOutput LogisticRegressionOutput=_sparse_LogisticRegressionOutput
    MAERegressionOutput=_sparse_MAERegressionOutput MakeLoss Pad=pad Pooling=_npx_pooling Pooling_v1 RNN=_npx_rnn ROIPooling=_npx_roi_pooling
    Reshape=reshape SVMOutput SequenceLast SequenceMask=_npx_sequence_mask SequenceReverse SliceChannel=split SoftmaxActivation SoftmaxOutput=Softmax
    SpatialTransformer SwapAxis=_npi_swapaxes=swapaxes UpSampling _CrossDeviceCopy _arange _cond _contrib_AdaptiveAvgPooling2D _contrib_BilinearResize2D
    _contrib_DeformableConvolution _contrib_DeformablePSROIPooling _contrib_ModulatedDeformableConvolution
    _contrib_MultiBoxDetection=_npx_multibox_detection _contrib_MultiBoxPrior=_npx_multibox_prior _contrib_MultiProposal _contrib_PSROIPooling
    _contrib_Proposal _contrib_ROIAlign _contrib_RROIAlign _contrib_SparseEmbedding _contrib_SyncBatchNorm _contrib_allclose
    _contrib_arange_like=_npx_arange_like _contrib_bipartite_matching _contrib_box_decode _contrib_box_encode _contrib_box_iou
    _contrib_box_nms=_contrib_box_non_maximum_suppression _contrib_dequantize _contrib_div_sqrt_dim _contrib_gradientmultiplier _contrib_index_array
    _contrib_index_copy _contrib_interleaved_matmul_encdec_qk _contrib_interleaved_matmul_encdec_valatt _contrib_interleaved_matmul_selfatt_qk
    _contrib_interleaved_matmul_selfatt_valatt _contrib_quadratic _contrib_quantize _contrib_quantize_v2 _contrib_quantized_act
    _contrib_quantized_batch_norm _contrib_quantized_concat _contrib_quantized_conv _contrib_quantized_elemwise_add _contrib_quantized_elemwise_mul
    _contrib_quantized_embedding _contrib_quantized_flatten _contrib_quantized_fully_connected _contrib_quantized_pooling _contrib_requantize
    _contrib_round_ste=_sparse__contrib_round_ste _contrib_sign_ste=_sparse__contrib_sign_ste _copy=identity _div_scalar=_DivScalar _equal=_Equal
    _equal_scalar=_EqualScalar _eye _foreach _full=_npi_full _grad_add _greater=_Greater _greater_equal=_Greater_Equal
    _greater_equal_scalar=_GreaterEqualScalar _greater_scalar=_GreaterScalar _histogram=_npi_histogram _hypot=_Hypot
    _hypot_scalar=_HypotScalar=_npi_hypot_scalar _identity_with_attr_like_rhs _image_crop=_npx__image_crop
    _image_flip_left_right=_npx__image_flip_left_right _image_flip_top_bottom=_npx__image_flip_top_bottom _image_normalize=_npx__image_normalize
    _image_resize=_npx__image_resize _image_to_tensor=_npx__image_to_tensor _lesser=_Lesser _lesser_equal=_Lesser_Equal
    _lesser_equal_scalar=_LesserEqualScalar _lesser_scalar=_LesserScalar _linalg_det=_npi_det=linalg_det _linalg_extractdiag=linalg_extractdiag
    _linalg_extracttrian=linalg_extracttrian _linalg_gelqf=linalg_gelqf _linalg_gemm=linalg_gemm _linalg_gemm2=linalg_gemm2
    _linalg_inverse=_npi_inv=linalg_inverse _linalg_makediag=linalg_makediag _linalg_maketrian=linalg_maketrian _linalg_potrf=linalg_potrf
    _linalg_potri=linalg_potri _linalg_slogdet=_npi_slogdet=linalg_slogdet _linalg_sumlogdiag=linalg_sumlogdiag _linalg_syevd _linalg_syrk=linalg_syrk
    _linalg_trmm=linalg_trmm _linalg_trsm=linalg_trsm _linspace=_npi_linspace _logical_and=_Logical_And _logical_and_scalar=_LogicalAndScalar
    _logical_or=_Logical_Or _logical_or_scalar=_LogicalOrScalar _logical_xor=_Logical_Xor _logical_xor_scalar=_LogicalXorScalar _maximum=_Maximum
    _maximum_scalar=_MaximumScalar=_npi_maximum_scalar _minimum=_Minimum _minimum_scalar=_MinimumScalar=_npi_minimum_scalar _minus_scalar=_MinusScalar
    _mod=_Mod _mod_scalar=_ModScalar _mul_scalar=_MulScalar _not_equal=_Not_Equal _not_equal_scalar=_NotEqualScalar _np_all _np_any=_np_sometrue
    _np_atleast_1d _np_atleast_2d _np_atleast_3d _np_copy _np_cumsum=cumsum _np_diag _np_diagflat _np_diagonal _np_dot _np_max=_np_amax _np_min=_np_amin
    _np_moveaxis _np_prod=_np_product _np_reshape _np_roll _np_squeeze _np_sum _np_trace _np_transpose _npi_absolute=_npi_abs _npi_add _npi_add_scalar
    _npi_arange _npi_arccos _npi_arccosh _npi_arcsin _npi_arcsinh _npi_arctan _npi_arctan2 _npi_arctan2_scalar _npi_arctanh _npi_argmax _npi_argmin
    _npi_around _npi_average _npi_bitwise_and _npi_bitwise_and_scalar _npi_bitwise_not _npi_bitwise_or _npi_bitwise_or_scalar _npi_bitwise_xor
    _npi_bitwise_xor_scalar _npi_blackman _npi_broadcast_to _npi_cbrt _npi_ceil _npi_cholesky _npi_column_stack _npi_concatenate _npi_copysign
    _npi_copysign_scalar _npi_cos _npi_cosh _npi_degrees _npi_diff _npi_dsplit _npi_dstack _npi_ediff1d _npi_eigh _npi_eigvalsh _npi_einsum _npi_equal
    _npi_equal_scalar _npi_exp _npi_expm1 _npi_eye _npi_fix _npi_flip _npi_floor _npi_full_like _npi_greater _npi_greater_equal
    _npi_greater_equal_scalar _npi_greater_scalar _npi_hamming _npi_hanning _npi_hsplit _npi_hstack _npi_hypot _npi_identity _npi_indices
    _npi_insert_scalar _npi_insert_slice _npi_insert_tensor _npi_isfinite _npi_isinf _npi_isnan _npi_isneginf _npi_isposinf _npi_ldexp _npi_ldexp_scalar
    _npi_less _npi_less_equal _npi_less_equal_scalar _npi_less_scalar _npi_log _npi_log10 _npi_log1p _npi_log2 _npi_logical_not _npi_logspace
    _npi_matmul _npi_mean _npi_mod _npi_mod_scalar _npi_multiply _npi_multiply_scalar _npi_nan_to_num _npi_negative _npi_norm _npi_not_equal
    _npi_not_equal_scalar _npi_ones _npi_pad _npi_percentile _npi_polyval _npi_power _npi_power_scalar _npi_radians _npi_rarctan2_scalar
    _npi_rcopysign_scalar _npi_reciprocal _npi_rint _npi_rldexp_scalar _npi_rmod_scalar _npi_rot90 _npi_rpower_scalar _npi_rsubtract_scalar
    _npi_rtrue_divide_scalar _npi_sign _npi_sin _npi_sinh _npi_sqrt _npi_square _npi_stack _npi_std _npi_subtract _npi_subtract_scalar _npi_tan
    _npi_tanh _npi_tensordot _npi_tensordot_int_axes _npi_tril _npi_true_divide _npi_true_divide_scalar _npi_trunc _npi_var _npi_vstack _npi_where
    _npi_where_lscalar _npi_where_rscalar _npi_where_scalar2 _npi_zeros _npx_relu _npx_reshape=_npi_reshape _npx_sigmoid _ones _plus_scalar=_PlusScalar
    _power=_Power _power_scalar=_PowerScalar _ravel_multi_index=ravel_multi_index _rdiv_scalar=_RDivScalar _rminus_scalar=_RMinusScalar
    _rmod_scalar=_RModScalar _rnn_param_concat=_npi_rnn_param_concat _rpower_scalar=_RPowerScalar _scatter_elemwise_div _scatter_minus_scalar
    _scatter_plus_scalar _scatter_set_nd=_npi_scatter_set_nd _sg_mkldnn_conv _sg_mkldnn_fully_connected _slice_assign=_crop_assign=_npi_slice_assign
    _slice_assign_scalar=_crop_assign_scalar=_npi_slice_assign_scalar _split_v2=_npi_split _unravel_index=unravel_index _while_loop _zeros
    _zeros_without_dtype abs=_sparse_abs add_n=ElementWiseSum=_sparse_ElementWiseSum=_sparse_add_n all_finite amp_cast amp_multicast
    arccos=_sparse_arccos arccosh=_sparse_arccosh arcsin=_sparse_arcsin arcsinh=_sparse_arcsinh arctan=_sparse_arctan arctanh=_sparse_arctanh argmax
    argmax_channel argmin argsort=_npi_argsort batch_dot=_npx_batch_dot batch_take
    broadcast_add=_sparse_broadcast_add=_sparse_broadcast_plus=broadcast_plus broadcast_axis=broadcast_axes broadcast_div=_sparse_broadcast_div
    broadcast_equal broadcast_greater broadcast_greater_equal broadcast_hypot broadcast_lesser broadcast_lesser_equal broadcast_like
    broadcast_logical_and broadcast_logical_or broadcast_logical_xor broadcast_maximum=_npi_maximum broadcast_minimum=_npi_minimum broadcast_mod
    broadcast_mul=_sparse_broadcast_mul broadcast_not_equal broadcast_power broadcast_sub=_sparse_broadcast_minus=_sparse_broadcast_sub=broadcast_minus
    broadcast_to cast_storage=_sparse_cast_storage cbrt=_sparse_cbrt ceil=_sparse_ceil clip=_npi_clip=_sparse_clip col2im cos=_sparse_cos
    cosh=_sparse_cosh degrees=_sparse_degrees depth_to_space diag dot=_sparse_dot elemwise_add=_Plus=_add=_plus=_sparse_elemwise_add
    elemwise_div=_Div=_div=_sparse_elemwise_div elemwise_mul=_Mul=_mul=_sparse_elemwise_mul elemwise_sub=_Minus=_minus=_sparse_elemwise_sub=_sub
    erf=_npx_erf erfinv=_npx_erfinv exp=_sparse_exp expand_dims=_npi_expand_dims expm1=_sparse_expm1 fix=_sparse_fix floor=_sparse_floor
    gamma=_npx_gamma=_sparse_gamma gammaln=_npx_gammaln=_sparse_gammaln gather_nd=_npi_gather_nd=_npx_gather_nd hard_sigmoid im2col khatri_rao
    log=_sparse_log log10=_sparse_log10 log1p=_sparse_log1p log2=_sparse_log2 log_softmax=_npx_log_softmax logical_not make_loss=_sparse_make_loss
    max=max_axis mean=_sparse_mean min=min_axis moments multi_all_finite multi_sum_sq nanprod nansum negative=_sparse_negative norm=_sparse_norm
    one_hot=_npx_one_hot ones_like pick=_npx_pick=choose_element_0index prod radians=_sparse_radians rcbrt reciprocal relu=_sparse_relu
    repeat=_np_repeat reshape_like=_npx_reshape_like reverse=flip rint=_sparse_rint round=_sparse_round rsqrt=_sparse_rsqrt scatter_nd
    shape_array=_npx_shape_array sigmoid=_sparse_sigmoid sign=_sparse_sign sin=_sparse_sin sinh=_sparse_sinh size_array
    slice=_npi_slice=_npx_slice=_sparse_slice=crop slice_axis slice_like smooth_l1=_npx_smooth_l1 softmax=_npx_softmax softmax_cross_entropy softmin
    softsign sort=_npi_sort space_to_depth sqrt=_sparse_sqrt square=_sparse_square squeeze stack sum=_sparse_sum=sum_axis take=_npi_take tan=_sparse_tan
    tanh=_sparse_tanh tile=_npi_tile topk=_npx_topk transpose trunc=_sparse_trunc where=_sparse_where zeros_like=_sparse_zeros_like
"""

EXCLUDED: Mapping[str, str] = MappingProxyType({name: reason for reason, text in _EXCLUDED.items() for name in _names(text)})
"""Operators that no deployed symbol holds, with what each does instead of computing a model's outputs."""

REFUSED: Mapping[str, str] = MappingProxyType({name: reason for reason, text in _REFUSED.items() for name in _names(text)})
"""Operators that a deployed symbol could hold and that the importer refuses, with the reason."""

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: aliases for text in (*_EXCLUDED.values(), *_REFUSED.values(), _OTHERS) for name, aliases in sorted(_names(text).items())}
)
"""All of the operators, with the other names that MXNet knows each by."""

DEPLOYABLE: tuple[str, ...] = tuple(sorted(name for name in ALIASES if name not in EXCLUDED))
"""The forward operators, neither random nor of training, that a deployed symbol can hold."""

REASONS: Mapping[str, str] = MappingProxyType({
    spelling: reason for name, reason in {**EXCLUDED, **REFUSED}.items() for spelling in (name, *ALIASES[name])
})
"""Why an operator is not imported, by each of its names."""
