"""Where graphs run, behind one small interface: `provider` chooses, `load_graph` loads, a `LoadedGraph` runs.

cpu        ONNX Runtime on the CPU, fused graphs; fp32, int8, fp16 (stored only: computed as fp32)
openvino   OpenVINO on the CPU, plain graphs; fp32, bf16
cuda       ONNX Runtime on an NVIDIA device, fused graphs, poses stay in its memory, CUDA graphs; fp32, fp16
tensorrt   TensorRT through ONNX Runtime, plain graphs, engines kept between runs; fp32, fp16
"""
