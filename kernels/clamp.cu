// clamp.cu: limits each element to a range; NaN stays NaN.
//   y[i] = min(max(x[i], low), high)
// Shapes    x, y [count]; y may be x.
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      one read and one write of x; bound by memory.
#include "common/map.cuh"

template <typename T> DEVICE void clamp(T* y, const T* x, size_t count, float low, float high)
{
    map_elements(y, x, count, [low, high](float value) { return value < low ? low : value > high ? high : value; });
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL clamp_##suffix(T* y, const T* x, size_t count, float low, float high)                                                           \
    {                                                                                                                                      \
        clamp(y, x, count, low, high);                                                                                                     \
    }                                                                                                                                      \
    EXPORT(clamp_##suffix)
FOR_EACH_FLOAT(INSTANCE)
