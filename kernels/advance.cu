// advance.cu: sums that are assigned one after the other, with the factors of a step which the device may count: guidance and a sampler's
// step.
//   for s in turn: target_s[i] = limited(sum_t factor[step, s, t] * x_st[i]), added in the order of the terms, |target_s[i]| <= limit[step,
//   s] A term whose factor is 0 is not read; a target whose factors are all 0 stays.
// Shapes    target_s, x_st [count]; a target may be a term of its own sum and of others. factors [S, columns]: for each sum in turn the
// factors of
//           its terms, then its limit, or infinity. The forms _f16 and _bf16 take terms of that type beside those of fp32. step [1], less
//           than S, or absent for row 0.
// Launch    one-dimensional, any grid and block: threads stride.
// Cost      a read of each term and a write of each target; latents are small, so bound by the launch and the reads' latency.
#include "common/dtype.cuh"

constexpr int MaxSums = 9, MaxTerms = 8; // ResultShape.MaxSums, MaxParts

struct Sum {
    float* target;
    const void* x[MaxTerms];
    int terms;
    unsigned narrow; // bit t: term t is of the narrow type
};

struct Sums {
    Sum sum[MaxSums];
    int count;
};

template <typename Narrow> DEVICE void advance(const Sums& sums, const float* factors, int columns, const int* step, int count)
{
    if (step != nullptr) factors += (size_t)*step * columns;
    // Elements do not meet: a thread reads back what it has written itself.
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < (unsigned)count; i += gridDim.x * blockDim.x) {
        const float* factor = factors;
        for (int s = 0; s < sums.count; s++) {
            const Sum& sum = sums.sum[s];
            float c[MaxTerms], x[MaxTerms] = {};
            bool any = false;
            // All that is read first, so that no load waits for another.
#pragma unroll
            for (int t = 0; t < MaxTerms; t++) {
                c[t] = t < sum.terms ? factor[t] : 0.0f;
                if (c[t] == 0.0f) continue;
                const bool narrow = (sum.narrow >> t & 1) != 0;
                x[t] = narrow ? to_float(static_cast<const Narrow*>(sum.x[t])[i]) : static_cast<const float*>(sum.x[t])[i];
                any = true;
            }
            float total = 0.0f;
#pragma unroll
            for (int t = 0; t < MaxTerms; t++)
                total += c[t] * x[t];
            const float limit = factor[sum.terms];
            if (any) sum.target[i] = total < -limit ? -limit : total > limit ? limit : total; // NaN stays NaN
            factor += sum.terms + 1;
        }
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL advance_##suffix(const GRID_CONSTANT Sums sums, const float* factors, int columns, const int* step, int count)                  \
    {                                                                                                                                      \
        advance<T>(sums, factors, columns, step, count);                                                                                   \
    }                                                                                                                                      \
    EXPORT(advance_##suffix)
FOR_EACH_FLOAT(INSTANCE)
