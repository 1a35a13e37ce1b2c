// log_mel.cu: log-mel features of samples s.
//   x[n] = s[f * shift + n] - mean of the frame,  z[n] = (x[n] - preemphasis * x[max(n - 1, 0)]) * window[n], zeros up to N
//   Z[k] = sum_n z[n] e^(-2 pi i k n / N),  y[f, b] = (ln max(floor, sum_k weights[b, k] |Z[k]|^2) - mean) / divisor,  k < N / 2
// Source    Kaldi's filter bank, as torchaudio.compliance.kaldi.fbank has it. A radix-2 Stockham transform (Cochran et al. 1967: in order,
//           no bit reversal) of the even and odd samples as one complex sequence, then one pass that separates the two spectra.
// Shapes    s [T] and y [F, bins], the tables as in LogMel. All is computed in double, as the host does it; y is rounded once to fp32, in
//           which mean and divisor are taken, and once more to T.
// Launch    grid F, block a multiple of 32, at most 1024, dynamic shared memory 16 N bytes; N is a power of two, at least 4.
// Cost      5 N log2(N / 2) / 2 FLOPs a frame and a few for each sample, bin and weight (BEATs' 998 frames of 512: 16 MFLOP); samples are
//           read twice or more, the second time from the cache. Bound by the launch and by the barriers of the transform's stages.
#include "common/dtype.cuh"
#include "common/reduce.cuh"

struct __align__(16) Complex
{
    double re, im;
};

// Which bins a filter weighs, and where its weights begin among those of all.
struct Filter {
    int bin, count, weight;
};

struct LogMel {
    const Complex* roots;  // [half], e^(-2 pi i k / N), at a multiple of 16 bytes
    const double* window;  // [length]
    const double* weights; // of one filter after the other
    const Filter* filters; // [bins]
    int length, shift, half, bins;
    double preemphasis, floor;
    float mean, divisor;
};

DEVICE double windowed(const LogMel& form, const float* frame, double mean, int n)
{
    if (n >= form.length) return 0.0;
    return (frame[n] - mean - form.preemphasis * (frame[max(n - 1, 0)] - mean)) * form.window[n];
}

template <typename T> DEVICE void log_mel(T* y, const float* samples, const LogMel& form)
{
    DYNAMIC_SHARED(Complex, shared); // [2, half]
    const float* const frame = samples + (size_t)blockIdx.x * form.shift;

    double sum = 0.0;
    for (int n = threadIdx.x; n < form.length; n += blockDim.x)
        sum += frame[n];
    const double mean = block_sum(sum) / form.length;

    Complex *from = shared, *to = shared + form.half;
    for (int i = threadIdx.x; i < form.half; i += blockDim.x)
        from[i] = {windowed(form, frame, mean, 2 * i), windowed(form, frame, mean, 2 * i + 1)};

    // Stage by stage; runs of `stride` values share a root.
    for (int stride = 1; stride < form.half; stride *= 2) {
        __syncthreads();
        for (int i = threadIdx.x; i < form.half / 2; i += blockDim.x) {
            const int run = i & -stride; // where the run of value i begins
            const Complex a = from[i], b = from[i + form.half / 2], root = form.roots[2 * run], d = {a.re - b.re, a.im - b.im};
            to[i + run] = {a.re + b.re, a.im + b.im};
            to[i + run + stride] = {d.re * root.re - d.im * root.im, d.re * root.im + d.im * root.re};
        }
        Complex* const done = from;
        from = to;
        to = done;
    }
    __syncthreads();

    // Z = E + root O, the spectra of the even and odd samples.
    double* const power = reinterpret_cast<double*>(to);
    for (int k = threadIdx.x; k < form.half; k += blockDim.x) {
        const Complex z = from[k], mirror = from[(form.half - k) & (form.half - 1)], root = form.roots[k];
        const Complex even = {0.5 * (z.re + mirror.re), 0.5 * (z.im - mirror.im)},
                      odd = {0.5 * (z.im + mirror.im), 0.5 * (mirror.re - z.re)};
        const double re = even.re + root.re * odd.re - root.im * odd.im, im = even.im + root.re * odd.im + root.im * odd.re;
        power[k] = re * re + im * im;
    }
    __syncthreads();

    y += (size_t)blockIdx.x * form.bins;
    for (int b = threadIdx.x; b < form.bins; b += blockDim.x) {
        const Filter filter = form.filters[b];
        double energy = 0.0;
        for (int k = 0; k < filter.count; k++)
            energy += form.weights[filter.weight + k] * power[filter.bin + k];
        const float logarithm = (float)log(energy > form.floor ? energy : form.floor);
        y[b] = from_float<T>((logarithm - form.mean) / form.divisor);
    }
}

#define INSTANCE(suffix, T)                                                                                                                \
    KERNEL log_mel_##suffix(T* y, const float* samples, LogMel form)                                                                       \
    {                                                                                                                                      \
        log_mel(y, samples, form);                                                                                                         \
    }                                                                                                                                      \
    EXPORT(log_mel_##suffix)
FOR_EACH_FLOAT(INSTANCE)
