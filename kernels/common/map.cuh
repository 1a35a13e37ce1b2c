// map.cuh: one function over all elements, 16 bytes an access where addresses allow it.
#pragma once
#include "common/dtype.cuh"

// y[i] = f(x[i]) for i < count, all in fp32; any one-dimensional grid, whose threads stride. y may be x.
template <typename T, typename F> DEVICE void map_elements(T* y, const T* x, size_t count, F f)
{
    constexpr size_t width = Pack<T>::count;
    const size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x, threads = (size_t)gridDim.x * blockDim.x;
    const size_t packs = is_packed(x) && is_packed(y) ? count / width : 0;
    for (size_t p = thread; p < packs; p += threads) {
        Pack<T> pack = load_pack(x + p * width);
        for (T& value : pack.v)
            value = from_float<T>(f(to_float(value)));
        store_pack(y + p * width, pack);
    }
    for (size_t i = packs * width + thread; i < count; i += threads)
        y[i] = from_float<T>(f(to_float(x[i])));
}
