// log_mel_test.cpp: log_mel against its formula in long double, with the sums of a plain transform.
#include "host/operation_test.h"

#include <algorithm>
#include <cmath>
#include <limits>

// As in log_mel.cu.
struct alignas(16) Complex {
    double re, im;
};
struct Filter {
    int bin, count, weight;
};
struct LogMel {
    const Complex* roots;
    const double* window;
    const double* weights;
    const Filter* filters;
    int length, shift, half, bins;
    double preemphasis, floor;
    float mean, divisor;
};

struct Form {
    int length, shift, size, bins;
    double scale;
};

// BEATs' own; few samples, of which some are in no frame; frames as long as the smallest transform; more filters than threads of a block.
static const Form forms[] = {{400, 160, 512, 128, 32768}, {25, 33, 32, 7, 1}, {4, 1, 4, 3, 100}, {600, 7, 1024, 300, 32768}};

enum class Sound { Noise, Tone, Silence, Level };

// Tables of a form: a Hann window to a power, and triangles of which each fourth weighs nothing.
class Tables
{
  public:
    explicit Tables(const Form& form)
    {
        const double pi = std::acos(-1.0);
        const int half = form.size / 2;
        for (int n = 0; n < form.length; n++)
            window.push_back(form.scale * std::pow(0.5 - 0.5 * std::cos(2 * pi * n / (form.length - 1)), 0.85));
        for (int k = 0; k < half; k++)
            roots.push_back({std::cos(2 * pi * k / form.size), -std::sin(2 * pi * k / form.size)});
        for (int b = 0; b < form.bins; b++) {
            const int first = static_cast<int>(static_cast<long>(b) * half / (form.bins + 1)),
                      count = b % 4 == 3 ? 0 : 1 + b * 11 / form.bins;
            filters.push_back({first, std::min(count, half - first), static_cast<int>(weights.size())});
            for (int k = 0; k < filters.back().count; k++)
                weights.push_back((k + 1.0) / filters.back().count);
        }
        kernels = {roots.data(), window.data(), weights.data(), filters.data(), form.length, form.shift,
                   half,         form.bins,     0.97,           0x1p-23,        15.41663f,   13.11164f};
    }

    std::vector<double> window, weights;
    std::vector<Complex> roots;
    std::vector<Filter> filters;
    LogMel kernels;
};

static std::vector<float> heard(Sound sound, size_t count)
{
    Draws draws(static_cast<unsigned>(count));
    std::vector<float> samples = draws.normal<float>(count, 0, 0.2);
    for (size_t n = 0; n < count; n++)
        samples[n] = sound == Sound::Noise     ? std::min(std::max(samples[n], -1.0f), 1.0f)
                     : sound == Sound::Tone    ? static_cast<float>(std::sin(0.31 * static_cast<double>(n)))
                     : sound == Sound::Silence ? 0.0f
                                               : 0.9f; // nothing is left once the mean is gone
    return samples;
}

// Features of one frame, and how far a kernel's may be from them.
struct Frame {
    std::vector<double> features, allowed;
};

// The kernel's arithmetic is double's, with u = 2^-53. Of samples of at most A, of which a thread adds t and trees ten more, the mean is
// off by (t + 11) u A, and a windowed sample by two such and fourteen roundings of at most A, times the window. What a bin sums up, |z| in
// all, goes through stages of a sum and of a product with a root that is rounded itself, 6 u each; even and odd samples both do, and are
// then joined by 8 u. So a bin is off by d, its power by 2 |Z| d + d^2 and three roundings, and an energy e by their weighted sums and a
// rounding each; the logarithm by that over the energy. In fp32 the logarithm is rounded, its difference to the mean, and the quotient.
static Frame exact(const Form& form, const Tables& tables, const float* samples, unsigned threads)
{
    using Real = long double;
    const Real u = 0x1p-53L, pi = std::acos(static_cast<Real>(-1));
    const LogMel& k = tables.kernels;
    Real mean = 0, largest = 0, windows = 0, total = 0;
    for (int n = 0; n < form.length; n++) {
        mean += static_cast<Real>(samples[n]) / form.length;
        largest = std::max(largest, std::abs(static_cast<Real>(samples[n])));
        windows += k.window[n];
    }
    std::vector<Real> z(form.length), cosine(form.size);
    for (int n = 0; n < form.size; n++)
        cosine[n] = std::cos(2 * pi * n / form.size);
    for (int n = 0; n < form.length; n++) {
        z[n] = (samples[n] - mean - static_cast<Real>(k.preemphasis) * (samples[std::max(n - 1, 0)] - mean)) * k.window[n];
        total += std::abs(z[n]);
    }
    const Real added = (form.length + threads - 1) / threads, stages = std::log2(static_cast<Real>(k.half));
    const Real off = u * (largest * windows * (2 * (added + 11) + 14) + total * (2 * 6 * stages + 12));
    std::vector<Real> magnitude(k.half);
    for (int bin = 0; bin < k.half; bin++) {
        Real re = 0, im = 0;
        for (int n = 0; n < form.length; n++) {
            const int turn = static_cast<int>(static_cast<long>(bin) * n % form.size);
            re += z[n] * cosine[turn];
            im += z[n] * cosine[(turn + form.size / 4) % form.size]; // cos(a + 90 degrees) = -sin a
        }
        magnitude[bin] = std::sqrt(re * re + im * im);
    }
    Frame frame;
    for (const Filter& filter : tables.filters) {
        Real energy = 0, error = 0;
        for (int i = 0; i < filter.count; i++) {
            const Real weight = tables.weights[filter.weight + i], bin = magnitude[filter.bin + i];
            energy += weight * bin * bin;
            error += weight * (2 * bin * off + off * off + (3 + filter.count) * u * bin * bin);
        }
        const Real kept = std::max(energy, static_cast<Real>(k.floor)), logarithm = std::log(kept),
                   feature = (logarithm - k.mean) / k.divisor;
        check(error < kept / 2, "the error that is allowed for is small beside the energy");
        frame.features.push_back(static_cast<double>(feature));
        frame.allowed.push_back(
            static_cast<double>(2 * error / kept / k.divisor + Roundoff * (std::abs(logarithm) / k.divisor + 2 * std::abs(feature))));
    }
    return frame;
}

// `rest` samples follow the last frame, and are not numbers: nobody hears them.
template <typename T> static void features(const Form& form, Sound sound, int frames, int rest, unsigned threads, size_t skew)
{
    const Tables tables(form);
    const size_t count = static_cast<size_t>(frames - 1) * form.shift + form.length;
    std::vector<float> samples = heard(sound, skew + count);
    samples.resize(skew + count + rest, std::numeric_limits<float>::quiet_NaN());
    std::vector<T> y = unwritten<T>(skew + static_cast<size_t>(frames) * form.bins);
    emulator::launch(kernel<T>("log_mel"), {static_cast<unsigned>(frames)}, {threads}, sizeof(Complex) * form.size, y.data() + skew,
                     static_cast<const float*>(samples.data()) + skew, tables.kernels);
    for (size_t i = 0; i < skew; i++)
        check(std::isnan(to_float(y[i])), "log_mel wrote before its first feature");
    y.erase(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(skew));
    std::vector<Frame> wanted;
    for (int f = 0; f < frames; f++)
        wanted.push_back(exact(form, tables, samples.data() + skew + static_cast<size_t>(f) * form.shift, threads));
    compare(
        "log_mel of " + std::to_string(form.length) + " samples by " + std::to_string(threads) + " threads", y,
        [&](size_t i) { return wanted[i / form.bins].features[i % form.bins]; },
        [&](size_t i) { return wanted[i / form.bins].allowed[i % form.bins]; });
    if (sound != Sound::Silence && sound != Sound::Level) return;
    const float floor = (static_cast<float>(std::log(0x1p-23)) - tables.kernels.mean) / tables.kernels.divisor;
    for (const T& value : y)
        check(to_float(value) == to_float(from_float<T>(floor)), "silence is the energy floor");
}

int main()
{
    using emulator::Order;
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 5);
        for_each_storage([](auto type) {
            using T = decltype(type);
            for (const Form& form : forms) {
                features<T>(form, Sound::Noise, 1, 0, 128, 0);
                features<T>(form, Sound::Noise, 3, form.shift - 1, 128, 1);
                features<T>(form, Sound::Tone, 2, 1, 96, 3);
                features<T>(form, Sound::Level, 2, 0, 32, 0);
            }
            features<T>(forms[0], Sound::Silence, 2, 159, 128, 0);
            features<T>(forms[0], Sound::Noise, 2, 0, 1024, 0);
        });
    }
    return failures != 0;
}
