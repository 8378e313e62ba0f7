"""Rows of the stand-in's table: types, shapes and functions of tensors."""

from __future__ import annotations

_TYPES = (
    "DType Dimension Tensor TensorShape as_dtype bfloat16 bool complex128 complex64 double executing_eagerly "
    "float16 float32 float64 half int16 int32 int64 int8 string uint16 uint32 uint64 uint8"
)
_TENSORS = (
    "cast constant convert_to_tensor convert_to_tensor_or_sparse_tensor get_static_value identity identity_n "
    "is_tensor placeholder saturate_cast stop_gradient to_bfloat16 to_complex64 to_double "
    "to_float to_int32 to_int64"
)
_ELEMENTS = (
    "abs accumulate_n acos acosh add add_n angle asin asinh atan atan2 atanh ceil clip_by_value complex conj cos "
    "cosh digamma div div_no_nan divide equal erf erfc erfinv exp expm1 floor floordiv greater greater_equal igamma "
    "igammac imag is_finite is_inf is_nan less less_equal lgamma log log1p log_sigmoid logical_and logical_not "
    "logical_or logical_xor maximum minimum multiply multiply_no_nan negative not_equal polyval pow real reciprocal "
    "rint round rsqrt scalar_mul sigmoid sign sin sinh softplus softsign sqrt square squared_difference subtract "
    "tan tanh truediv xdivy xlogy floormod=mod bessel_i0 bessel_i0e bessel_i1 bessel_i1e"
)
_OLD_ELEMENTS = (
    "approximate_equal bitcast floor_div=floordiv mod mul=multiply neg=negative realdiv sub=subtract truncatediv "
    "truncatemod ceil inv=reciprocal"
)
_REDUCTIONS = (
    "argmax argmin count_nonzero cumprod cumsum l2_normalize reduce_all reduce_any reduce_logsumexp reduce_max "
    "reduce_mean reduce_min reduce_prod reduce_std reduce_sum reduce_variance zero_fraction"
)
_NORMS = "clip_by_global_norm clip_by_norm global_norm norm"
_SHAPES = (
    "batch_to_space batch_to_space_nd broadcast_dynamic_shape broadcast_static_shape broadcast_to concat "
    "concat_v2=concat depth_to_space expand_dims eye fill lin_space=linspace linspace meshgrid newaxis ones "
    "ones_like pack=stack pad parallel_stack range rank repeat reshape reverse reverse_sequence reverse_v2=reverse "
    "roll shape shape_n size slice space_to_batch space_to_batch_nd space_to_depth split squeeze stack "
    "strided_slice tile transpose unpack=unstack unstack zeros zeros_like"
)
_INDEXING = (
    "argsort batch_gather boolean_mask dynamic_partition dynamic_stitch gather gather_nd invert_permutation one_hot "
    "scatter_nd searchsorted select=where sequence_mask setdiff1d sort tensor_scatter_add "
    "tensor_scatter_nd_add=tensor_scatter_add tensor_scatter_nd_sub=tensor_scatter_sub "
    "tensor_scatter_nd_update=tensor_scatter_update tensor_scatter_sub tensor_scatter_update unique "
    "unique_with_counts where where_v2"
)
_SEGMENTS = (
    "bincount segment_max segment_mean segment_min segment_prod segment_sum unsorted_segment_max "
    "unsorted_segment_mean unsorted_segment_min unsorted_segment_prod unsorted_segment_sum"
)
_CONTROL = (
    "Assert Print case check_numerics cond custom_gradient gradients hessians numpy_function=py_func py_func "
    "py_function switch_case verify_tensor_all_finite"
)
_ASSERTIONS = (
    "assert_equal assert_greater assert_greater_equal assert_less assert_less_equal assert_non_negative "
    "assert_none_equal assert_positive assert_rank assert_rank_at_least"
)
_LOOPS = "TensorArray foldl foldr map_fn scan while_loop"
_MATRICES = (
    "batch_matmul cholesky cholesky_solve cross diag diag_part einsum fft fft2d fft3d ifft ifft2d ifft3d matmul "
    "matrix_band_part matrix_determinant matrix_diag matrix_diag_part matrix_inverse matrix_set_diag matrix_solve "
    "matrix_transpose matrix_triangular_solve qr self_adjoint_eig self_adjoint_eigvals svd tensordot trace"
)
_LINALG = (
    "adjoint band_part=matrix_band_part cholesky cholesky_solve cross det=matrix_determinant diag=matrix_diag "
    "diag_part=matrix_diag_part eigh=self_adjoint_eig eigvalsh=self_adjoint_eigvals einsum expm inv=matrix_inverse "
    "logdet matmul matrix_transpose matvec qr set_diag=matrix_set_diag slogdet solve=matrix_solve svd tensordot "
    "tensor_diag=diag tensor_diag_part=diag_part trace transpose=matrix_transpose "
    "triangular_solve=matrix_triangular_solve"
)
_TRANSFORMS = "fft fft2d fft3d ifft ifft2d ifft3d irfft irfft2d rfft rfft2d"
_RANDOM = (
    "multinomial random_crop random_gamma random_normal random_poisson random_shuffle random_uniform truncated_normal"
)
_SPARSE = (
    "SparseTensor SparseTensorValue sparse_reduce_sum sparse_tensor_dense_matmul sparse_tensor_to_dense sparse_to_dense"
)
_ACTIVATIONS = "crelu elu leaky_relu log_softmax relu relu6 relu_layer selu softmax softplus softsign swish"
_NORMALISATION = (
    "batch_normalization bias_add dropout fused_batch_norm l2_loss local_response_normalization lrn moments "
    "weighted_moments xw_plus_b"
)
_CROSSENTROPIES = (
    "in_top_k log_poisson_loss sigmoid_cross_entropy_with_logits softmax_cross_entropy_with_logits "
    "softmax_cross_entropy_with_logits_v2 sparse_softmax_cross_entropy_with_logits "
    "weighted_cross_entropy_with_logits"
)
_WINDOWS = (
    "atrous_conv2d avg_pool avg_pool1d avg_pool2d avg_pool3d conv1d conv2d conv2d_transpose conv3d conv3d_transpose "
    "convolution depthwise_conv2d depthwise_conv2d_native dilation2d erosion2d max_pool max_pool1d max_pool2d "
    "max_pool3d max_pool_with_argmax pool separable_conv2d"
)
_CTC = "ctc_beam_search_decoder ctc_beam_search_decoder_v2 ctc_greedy_decoder ctc_loss"
_RESIZING = (
    "ResizeMethod central_crop crop_and_resize crop_to_bounding_box non_max_suppression non_max_suppression_padded "
    "pad_to_bounding_box resize resize_area resize_bicubic resize_bilinear resize_image_with_crop_or_pad "
    "resize_image_with_pad_or_crop=resize_image_with_crop_or_pad resize_images resize_nearest_neighbor "
    "resize_with_crop_or_pad=resize_image_with_crop_or_pad"
)
_COLORS = (
    "adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation convert_image_dtype "
    "flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb image_gradients per_image_standardization psnr "
    "random_brightness random_contrast random_flip_left_right random_flip_up_down random_hue random_saturation "
    "rgb_to_grayscale rgb_to_hsv rot90 sobel_edges ssim ssim_multiscale total_variation transpose=transpose_image "
    "transpose_image"
)
_LOSSES = (
    "Reduction absolute_difference add_loss compute_weighted_loss cosine_distance get_losses "
    "get_regularization_losses get_total_loss hinge_loss huber_loss log_loss mean_pairwise_squared_error "
    "mean_squared_error sigmoid_cross_entropy softmax_cross_entropy sparse_softmax_cross_entropy"
)
_DISTRIBUTIONS = "Bernoulli Categorical Distribution Normal Uniform kl_divergence"
_LOGGING = "DEBUG ERROR FATAL INFO WARN debug error fatal get_verbosity info log set_verbosity vlog warn warning"
_FILES = (
    "Copy DeleteRecursively Exists FastGFile GFile Glob IsDirectory ListDirectory MakeDirs MkDir Open Remove Rename "
    "Stat Walk"
)
_NEW_FILES = (
    "GFile copy=Copy exists=Exists glob=Glob isdir=IsDirectory listdir=ListDirectory makedirs=MakeDirs mkdir=MkDir "
    "remove=Remove rename=Rename rmtree=DeleteRecursively stat=Stat walk=Walk"
)
_FLAGS = (
    "DEFINE_bool DEFINE_boolean DEFINE_enum DEFINE_float DEFINE_integer DEFINE_list DEFINE_multi_float "
    "DEFINE_multi_integer DEFINE_multi_string DEFINE_string FLAGS mark_flag_as_required mark_flags_as_required"
)
_NEST = "assert_same_structure flatten is_nested is_sequence map_structure pack_sequence_as"

NAMES: dict[str, dict[str, str]] = {
    "": {
        ".about": "VERSION __version__=VERSION GIT_VERSION COMPILER_VERSION",
        ".control": f"{_CONTROL} {_ASSERTIONS}",
        ".indexing": f"{_INDEXING} {_SEGMENTS}",
        ".linalg": _MATRICES,
        ".loops": _LOOPS,
        ".math": f"{_ELEMENTS} {_OLD_ELEMENTS}",
        ".random": _RANDOM,
        ".reductions": f"{_REDUCTIONS} {_NORMS}",
        ".shapes": _SHAPES,
        ".sparse": _SPARSE,
        ".tensors": _TENSORS,
        ".types": _TYPES,
        ".windows": "extract_image_patches",
        ".system": "read_file",
    },
    "app": {".flags": "run"},
    "app.flags": {".flags": _FLAGS},
    "bitwise": {".math": "bitwise_and bitwise_or bitwise_xor invert"},
    "compat": {".types": "as_bytes as_str as_text dimension_at_index dimension_value"},
    "contrib": {},
    "contrib.distributions": {".distributions": f"{_DISTRIBUTIONS} MultivariateNormalDiag"},
    "contrib.framework": {".indexing": "argsort sort", ".tensors": "is_tensor"},
    "contrib.framework.nest": {".nest": _NEST},
    "contrib.image": {".contrib": "rotate transform translate"},
    "contrib.layers": {
        ".contrib": "flatten l1_regularizer l2_regularizer variance_scaling_initializer",
        ".indexing": "one_hot_encoding=one_hot",
    },
    "contrib.seq2seq": {".contrib": "sequence_loss"},
    "debugging": {
        ".control": f"Assert {_ASSERTIONS} check_numerics",
        ".math": "is_finite is_inf is_nan",
    },
    "distributions": {".distributions": _DISTRIBUTIONS},
    "dtypes": {".types": "DType as_dtype", ".tensors": "cast saturate_cast"},
    "flags": {".flags": _FLAGS},
    "gfile": {".system": _FILES},
    "image": {
        ".image": _RESIZING,
        ".image_color": _COLORS,
        ".random": "random_crop",
        ".windows": "extract_image_patches extract_patches=extract_image_patches",
    },
    "io.gfile": {".system": _NEW_FILES},
    "linalg": {".linalg": _LINALG, ".reductions": "global_norm l2_normalize norm", ".shapes": "eye"},
    "logging": {".system": _LOGGING},
    "losses": {".losses": _LOSSES},
    "manip": {
        ".indexing": "gather_nd scatter_nd",
        ".shapes": "batch_to_space_nd reshape reverse roll space_to_batch_nd tile",
    },
    "math": {
        ".indexing": f"argsort invert_permutation top_k {_SEGMENTS}",
        ".linalg": "trace",
        ".math": _ELEMENTS,
        ".reductions": _REDUCTIONS,
        ".nn": "softmax log_softmax",
    },
    "nn": {
        ".ctc": _CTC,
        ".indexing": "embedding_lookup nth_element top_k",
        ".math": "log_sigmoid sigmoid tanh",
        ".nn": f"{_ACTIVATIONS} {_NORMALISATION} {_CROSSENTROPIES} silu=swish",
        ".reductions": "l2_normalize zero_fraction",
        ".shapes": "depth_to_space space_to_depth batch_to_space space_to_batch",
        ".windows": _WINDOWS,
    },
    "python.framework.constant_op": {".tensors": "constant"},
    "python.framework.dtypes": {".types": _TYPES},
    "python.framework.ops": {
        ".tensors": "convert_to_tensor is_dense_tensor_like",
        ".types": "Tensor",
    },
    "python.framework.smart_cond": {".control": "smart_cond", ".tensors": "smart_constant_value=get_static_value"},
    "python.framework.sparse_tensor": {".sparse": "SparseTensor SparseTensorValue is_sparse"},
    "python.framework.tensor_shape": {".types": "Dimension TensorShape as_shape dimension_at_index dimension_value"},
    "python.framework.tensor_util": {".tensors": "constant_value constant_value_as_shape=constant_value is_tensor"},
    "python.eager.context": {".types": "executing_eagerly"},
    "python.ops.array_ops": {},
    "python.ops.check_ops": {},
    "python.ops.clip_ops": {},
    "python.ops.control_flow_ops": {".control": "smart_cond with_dependencies"},
    "python.ops.ctc_ops": {".ctc": _CTC},
    "python.ops.custom_gradient": {".control": "custom_gradient"},
    "python.ops.embedding_ops": {},
    "python.ops.functional_ops": {},
    "python.ops.gen_array_ops": {},
    "python.ops.gen_math_ops": {},
    "python.ops.gen_nn_ops": {},
    "python.ops.gradients_impl": {},
    "python.ops.image_ops": {},
    "python.ops.image_ops_impl": {},
    "python.ops.init_ops": {},
    "python.ops.linalg_ops": {},
    "python.ops.logging_ops": {},
    "python.ops.losses.losses_impl": {},
    "python.ops.map_fn": {},
    "python.ops.math_ops": {".tensors": "to_float"},
    "python.ops.nn": {},
    "python.ops.nn_impl": {},
    "python.ops.nn_ops": {},
    "python.ops.random_ops": {},
    "python.ops.script_ops": {},
    "python.ops.sparse_ops": {},
    "python.ops.special_math_ops": {},
    "python.ops.state_ops": {},
    "python.ops.tensor_array_ops": {},
    "python.ops.while_loop": {},
    "python.platform.gfile": {".system": _FILES},
    "python.platform.tf_logging": {".system": _LOGGING},
    "python.util.nest": {".nest": _NEST},
    "random": {
        ".random": (
            "categorical gamma=random_gamma multinomial normal=random_normal poisson=random_poisson "
            "shuffle=random_shuffle truncated_normal uniform=random_uniform"
        )
    },
    "sets": {
        ".sparse": (
            "difference=set_difference intersection=set_intersection set_difference set_intersection set_union "
            "union=set_union"
        )
    },
    "signal": {".linalg": f"{_TRANSFORMS} frame hann_window stft"},
    "sparse": {
        ".sparse": (
            "SparseTensor from_dense matmul=sparse_tensor_dense_matmul reduce_sum=sparse_reduce_sum "
            "sparse_dense_matmul=sparse_tensor_dense_matmul to_dense"
        )
    },
    "spectral": {".linalg": _TRANSFORMS},
    "test": {".system": "get_temp_dir"},
    "version": {".about": "VERSION GIT_VERSION COMPILER_VERSION"},
}
ALIASES: dict[str, str] = {
    "compat.v1": "tensorflow",
    "contrib.signal": "tensorflow.signal",
    "contrib.losses": "tensorflow.losses",
}
# the private modules of functions: each has all functions of its kind
ALSO: dict[str, tuple[str, ...]] = {
    path: ("", "nn", "math", "linalg", "image", "losses")
    for path in NAMES
    if path.startswith("python.ops.") or path in ("python.framework.ops", "python.framework.constant_op")
}
ALSO["python.ops.nn"] = ALSO["python.ops.nn_ops"] = ALSO["python.ops.nn_impl"] = ("nn", "")
ALSO["python"] = ("",)

INSTEAD: dict[str, str] = {
    "data": "NumPy arrays, or a generator with fit_generator",
    "estimator": "keras.models.Model with fit, evaluate and predict",
    "contrib.estimator": "keras.models.Model with fit, evaluate and predict",
    "contrib.learn": "keras.models.Model, and scikit-learn",
    "contrib.slim": "layers of keras.layers",
    "layers": "layers of keras.layers",
    "nn.rnn_cell": "keras.layers.LSTM, GRU, SimpleRNN, or keras.layers.RNN with a cell",
    "contrib.rnn": "keras.layers.LSTM, GRU, SimpleRNN, or keras.layers.RNN with a cell",
    "nn.dynamic_rnn": "keras.layers.RNN, or K.rnn",
    "GradientTape": "K.gradients(loss, variables), or jax.grad on model.to_flax()",
    "saved_model": "model.save, or model.to_flax()",
    "lite": "model.save, or model.to_flax()",
    "distribute": "kjax.distribute, or keras.utils.multi_gpu_model",
    "profiler": "jax.profiler",
    "function": "K.function, or jax.jit",
    "strings": "Python's str, before the data becomes a tensor",
    "train.shuffle_batch": "a generator with fit_generator",
    "train.batch": "a generator with fit_generator",
    "io": "h5py, NumPy or Python's own files",
    "python_io": "h5py, NumPy or Python's own files",
    "gfile": "pathlib, os and open",
    "image": "a function of keras.backend, or jax.image inside of an operation made with kjax.graph.op",
    "linalg": "jax.numpy.linalg inside of an operation made with kjax.graph.op",
    "image.decode_jpeg": "PIL.Image, before the data becomes a tensor",
    "image.decode_png": "PIL.Image, before the data becomes a tensor",
    "image.decode_image": "PIL.Image, before the data becomes a tensor",
}
