// activate.cu: applies a function to each element.
//   y[i] = act(x[i]),  act one of SiLU, GELU, quick-GELU, ReLU
// Source    Elfwing et al. 2017 (SiLU); Hendrycks and Gimpel 2016 (GELU and its sigmoid form).
// Shapes    x, y [count]; y may be x.
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      one read and one write of x; bound by memory.
#include "common/activation.cuh"
#include "common/map.cuh"

template <typename T> DEVICE void activate(T* y, const T* x, size_t count, int activation)
{
    map_elements(y, x, count, [activation](float value) { return activated(value, activation); });
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL activate_##suffix(T* y, const T* x, size_t count, int activation)                                                               \
    {                                                                                                                                      \
        activate(y, x, count, activation);                                                                                                 \
    }                                                                                                                                      \
    EXPORT(activate_##suffix)
FOR_EACH_FLOAT(INSTANCE)
