"""The denoising loop's poses in the device's own memory: two buffers that change places at every step.

    turn 0    x[0], x0[0]  --kernel-->  x[1], x0[1]
    turn 1    x[1], x0[1]  --kernel-->  x[0], x0[0]

Each turn has an IO binding of its own, so that no address ever changes, and where launches are recorded (CUDA graphs) a
recording of its own: ids 1 and 2. What a step returns is a `Resident`: a stand-in that is fetched when it is read.
Handed back as the next step's input it costs nothing; what is read, changed or kept costs one copy.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from motion_runtime.manifest import TensorSpec

Array = NDArray[Any]

FEEDBACK: Final = {"x": "x_next", "x0_prev": "x0"}
"""Inputs that are the step before's outputs."""


class Resident(NDArrayOperatorsMixin):
    """An array in the device's memory that fetches itself when it is read."""

    def __init__(self, value: Any, spec: TensorSpec) -> None:
        self._value = value
        self._host: Array | None = None
        self.shape = spec.shape
        self.dtype = np.dtype(spec.dtype)

    @property
    def fetched(self) -> bool:
        """Whether the numbers have been copied: the buffer may hold others by now."""
        return self._host is not None

    def fetch(self) -> Array:
        """The numbers, copied from the device once."""
        if self._host is None:
            self._host = np.array(self._value.numpy())
            self._value = None
        return self._host

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        host = self.fetch()
        return host if dtype is None or host.dtype == dtype else host.astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [value.fetch() if isinstance(value, Resident) else value for value in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __getitem__(self, key: Any) -> Any:
        return self.fetch()[key]

    def __len__(self) -> int:
        return self.shape[0]


class _Slot:
    """A buffer on the device, and who still counts on what is in it."""

    def __init__(self, spec: TensorSpec, device: str) -> None:
        self.spec = spec
        self.value = ort.OrtValue.ortvalue_from_shape_and_type(list(spec.shape), np.dtype(spec.dtype), device, 0)
        self._reader: weakref.ref[Resident] | None = None

    def holds(self, array: Any) -> bool:
        """Whether an array is what lies here, and not fetched yet."""
        reader = None if self._reader is None else self._reader()
        return reader is not None and reader is array and not reader.fetched

    def release(self) -> None:
        """Before it is written over: whoever still holds what is in it gets a copy."""
        reader = None if self._reader is None else self._reader()
        if reader is not None:
            reader.fetch()
        self._reader = None

    def put(self, array: Any) -> None:
        self.release()
        self.value.update_inplace(np.ascontiguousarray(array))

    def hand_out(self) -> Resident:
        resident = Resident(self.value, self.spec)
        self._reader = weakref.ref(resident)
        return resident


class DeviceLoop:
    """A session's buffers and bindings. Several bound requests may take turns; each run belongs to one of them."""

    def __init__(
        self,
        session: Any,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        *,
        device: str,
        capture: bool,
    ) -> None:
        """Allocate the buffers of a step kernel and bind them.

        Args:
            session: The kernel's session.
            inputs: Its inputs, `x` and `x0_prev` among them.
            outputs: Its outputs, `x_next` and `x0`.
            device: 'cuda'; 'cpu' runs the same loop without a device, for tests.
            capture: Record each turn's launches under its id.
        """
        self._session = session
        self._outputs = [tensor.name for tensor in outputs]
        self._still = {tensor.name: _Slot(tensor, device) for tensor in inputs if tensor.name not in FEEDBACK}
        self._moving = {t.name: (_Slot(t, device), _Slot(t, device)) for t in inputs if t.name in FEEDBACK}
        self._owner: object | None = None
        self._turns = [self._binding(turn) for turn in (0, 1)]
        self._options = [_run_options(turn + 1 if capture else None) for turn in (0, 1)]

    def bind(self, fixed: Mapping[str, Array]) -> Callable[[Mapping[str, Array]], tuple[Resident, ...]]:
        """Keep some inputs; the result takes the others and runs one step."""
        owner = object()

        def step(moving: Mapping[str, Array]) -> tuple[Resident, ...]:
            if self._owner is not owner:
                for name, array in fixed.items():
                    self._still[name].put(array)
                self._owner = owner
            return self._step(moving)

        return step

    def _step(self, moving: Mapping[str, Any]) -> tuple[Resident, ...]:
        at = [turn for turn in (0, 1) if self._moving["x"][turn].holds(moving["x"])]
        turn = at[0] if at else 0
        for name, slots in self._moving.items():
            if not slots[turn].holds(moving[name]):
                array = np.asarray(moving[name])  # fetched first: it may lie in the very buffer that is written
                slots[turn].put(array)
            slots[1 - turn].release()
        for name, array in moving.items():
            if name not in self._moving:
                self._still[name].put(array)
        binding = self._turns[turn]
        # Copies from pageable memory may be under way when they return, and the kernel's stream does not wait for them.
        binding.synchronize_inputs()
        self._session.run_with_iobinding(binding, self._options[turn])
        source = {FEEDBACK[name]: slots[1 - turn] for name, slots in self._moving.items()}
        return tuple(source[name].hand_out() for name in self._outputs)

    def _binding(self, turn: int) -> Any:
        binding = self._session.io_binding()
        for name, slot in self._still.items():
            binding.bind_ortvalue_input(name, slot.value)
        for name, slots in self._moving.items():
            binding.bind_ortvalue_input(name, slots[turn].value)
            binding.bind_ortvalue_output(FEEDBACK[name], slots[1 - turn].value)
        return binding


def _run_options(graph_id: int | None) -> ort.RunOptions:
    options = ort.RunOptions()
    if graph_id is not None:
        options.add_run_config_entry("gpu_graph_id", str(graph_id))
    return options
