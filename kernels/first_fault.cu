// first_fault.cu: where NaN or infinity first came up, remembered on the device so that no step waits for the host to look.
//   fault = (step + 1, i, x[i]) of the least i with x[i] not finite, unless fault[0] > 0 already or there is none
// Shapes    x [count]; fault [3] in fp32, in which an index beyond 2^24 is rounded; counter [1] holds the step, or is absent and it is
// `number`. Launch    one block of up to 1024 threads, a multiple of 32: predictions are small. Cost      one read of x; bound by one
// multiprocessor's loads.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

template <typename T> DEVICE void first_fault(float* fault, const T* x, int count, const int* counter, int number)
{
    __shared__ int least[32]; // one value a warp
    constexpr int Width = Pack<T>::count;
    const int packs = is_packed(x) ? count / Width : 0;
    int first = count;
    // All of them, so that no load waits for what another has shown.
    for (int p = threadIdx.x; p < packs; p += blockDim.x) {
        const Pack<T> pack = load_pack(x + p * Width);
#pragma unroll
        for (int k = 0; k < Width; k++)
            if (!is_finite(to_float(pack.v[k]))) first = min(first, p * Width + k);
    }
    for (int i = packs * Width + threadIdx.x; i < count; i += blockDim.x)
        if (!is_finite(to_float(x[i]))) first = min(first, i);
    first = warp_min(first);
    if (threadIdx.x % 32 == 0) least[threadIdx.x / 32] = first;
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (int warp = 1; warp < (int)blockDim.x / 32; warp++)
        first = min(first, least[warp]);
    if (first == count || fault[0] > 0.0f) return;
    fault[0] = (float)((counter != nullptr ? *counter : number) + 1);
    fault[1] = (float)first;
    fault[2] = to_float(x[first]);
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL THREADS(1024) first_fault_##suffix(float* fault, const T* x, int count, const int* counter, int number)                         \
    {                                                                                                                                      \
        first_fault(fault, x, count, counter, number);                                                                                     \
    }                                                                                                                                      \
    EXPORT(first_fault_##suffix)
FOR_EACH_FLOAT(INSTANCE)
