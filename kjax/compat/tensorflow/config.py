"""`tf.ConfigProto` and what is in it."""

from __future__ import annotations

from typing import Any

__all__ = ["ConfigProto", "GPUOptions", "GraphOptions", "OptimizerOptions", "RunMetadata", "RunOptions"]


class _Message:
    """Fields with defaults; others are an error, as they are for TensorFlow's messages."""

    fields: dict[str, Any] = {}

    def __init__(self, **values):
        for name, default in self.fields.items():
            object.__setattr__(self, name, default() if callable(default) else default)
        for name, value in values.items():
            if name not in self.fields:
                raise ValueError(
                    f"{type(self).__name__}: the field {name!r} is not known; fields: {', '.join(self.fields)}."
                )
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        if name not in self.fields:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}; fields: {', '.join(self.fields)}.")
        object.__setattr__(self, name, value)

    def __repr__(self):
        changed = {n: getattr(self, n) for n in self.fields}
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in changed.items())})"

    def CopyFrom(self, other):
        """Takes over all fields of another message of this kind."""
        for name in self.fields:
            object.__setattr__(self, name, getattr(other, name))

    MergeFrom = CopyFrom


class GPUOptions(_Message):
    """How a GPU is used.

    Differs: nothing of it acts; JAX's own settings are the environment variables XLA_PYTHON_CLIENT_PREALLOCATE and
        XLA_PYTHON_CLIENT_MEM_FRACTION.
    """

    fields = {
        "per_process_gpu_memory_fraction": 0.0,
        "allow_growth": False,
        "allocator_type": "",
        "deferred_deletion_bytes": 0,
        "visible_device_list": "",
        "polling_active_delay_usecs": 0,
        "force_gpu_compatible": False,
        "experimental": dict,
    }


class OptimizerOptions(_Message):
    """How a graph is optimised. Differs: nothing of it acts; XLA compiles everything."""

    L1, L0 = 0, -1
    DEFAULT, OFF, ON_1, ON_2 = 0, -1, 1, 2
    fields = {
        "do_common_subexpression_elimination": False,
        "do_constant_folding": False,
        "do_function_inlining": False,
        "opt_level": 0,
        "global_jit_level": 0,
    }


class GraphOptions(_Message):
    """How a graph is run. Differs: nothing of it acts."""

    fields = {
        "optimizer_options": OptimizerOptions,
        "rewrite_options": dict,
        "build_cost_model": 0,
        "infer_shapes": False,
        "place_pruned_graph": False,
        "enable_bfloat16_sendrecv": False,
    }


class ConfigProto(_Message):
    """How a session runs.

    Differs: it is accepted and kept; threads and devices are XLA's (XLA_FLAGS, JAX_PLATFORMS). Results do not depend
        on the number of threads.
    """

    fields = {
        "device_count": dict,
        "intra_op_parallelism_threads": 0,
        "inter_op_parallelism_threads": 0,
        "use_per_session_threads": False,
        "session_inter_op_thread_pool": list,
        "placement_period": 0,
        "device_filters": list,
        "gpu_options": GPUOptions,
        "allow_soft_placement": False,
        "log_device_placement": False,
        "graph_options": GraphOptions,
        "operation_timeout_in_ms": 0,
        "isolate_session_state": False,
        "experimental": dict,
    }


class RunOptions(_Message):
    """How one run is done. Differs: nothing of it acts; profile with `jax.profiler`."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = 0, 1, 2, 3
    fields = {
        "trace_level": 0,
        "timeout_in_ms": 0,
        "inter_op_thread_pool": 0,
        "output_partition_graphs": False,
        "report_tensor_allocations_upon_oom": False,
    }


class RunMetadata(_Message):
    """What a run reports. Differs: it stays empty; profile with `jax.profiler`."""

    fields = {"step_stats": list, "partition_graphs": list, "cost_graph": list}
