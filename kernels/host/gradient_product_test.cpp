// gradient_product_test.cpp: what the gradients of products are made of: turn_weight, weight_gradient, file_order, spread, shrink,
// column_sums.
#include "host/operation_test.h"

#include "common/epilogue.cuh"
#include "common/window.cuh"
#include "host/product_test.h"

using emulator::Order;

// A copy rearranges and rounds nothing.
static const auto exact = [](size_t) { return 0.0; };

template <typename T> static void turn(int groups, int taps, int n_count, int c_count)
{
    Draws draws(groups + taps + n_count + c_count);
    const int x_stride = (taps * c_count + 7) / 8 * 8, y_stride = (taps * n_count + 7) / 8 * 8;
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(groups) * n_count * x_stride);
    std::vector<T> y = unwritten<T>(static_cast<size_t>(groups) * c_count * y_stride);
    const dim3 grid((n_count + 7 + 31) / 32, (c_count + 31) / 32, groups * taps);
    emulator::launch(kernel<T>("turn_weight"), grid, {256}, 0, y.data(), x.data(), taps, n_count, c_count, x_stride, y_stride);
    compare(
        "turn_weight " + std::to_string(n_count) + " x " + std::to_string(c_count), y,
        [&](size_t i) {
            const int column = static_cast<int>(i % y_stride), row = static_cast<int>(i / y_stride), tap = taps - 1 - column / n_count;
            if (tap < 0) return 0.0;
            const size_t from = static_cast<size_t>(row / c_count * n_count + column % n_count) * x_stride + tap * c_count + row % c_count;
            return static_cast<double>(to_float(x[from]));
        },
        exact);
}

struct Window {
    int batch, height, width, tall, wide, channels, skip, kernel, stride, pad, outputs, groups;
};

// A matrix; windows that overlap, leave the map, step, and lie on an enlarged map; two sources; groups; more outputs than a tile.
static const Window windows[] = {{37, 1, 1, 1, 1, 9, 0, 1, 1, 0, 5, 1}, {2, 5, 4, 5, 4, 3, 0, 3, 1, 1, 7, 1},
                                 {1, 6, 5, 6, 5, 3, 0, 3, 2, 1, 4, 1},  {1, 3, 2, 5, 3, 3, 0, 3, 1, 1, 4, 1},
                                 {2, 4, 3, 4, 3, 2, 5, 3, 1, 1, 70, 1}, {2, 7, 1, 7, 1, 6, 0, 4, 1, 2, 3, 2}};

template <typename T> static void weight(const Window& w)
{
    Draws draws(w.height + w.kernel + w.outputs);
    const int kernel_width = w.width == 1 ? 1 : w.kernel, taps = w.kernel * kernel_width, channels = (w.channels + w.skip) / w.groups;
    const int out_height = w.groups > 1 ? w.height : (w.tall + 2 * w.pad - w.kernel) / w.stride + 1;
    const int out_width = (w.wide + (w.width == 1 ? 0 : 2 * w.pad) - kernel_width) / w.stride + 1;
    const int positions = w.batch * out_height * out_width, stride = (positions + 7) / 8 * 8, rows = taps * channels;
    const ConvGeometry g = {w.height,   w.width,      w.tall,   w.wide, out_height,
                            out_width,  kernel_width, w.stride, w.pad,  w.width == 1 ? 0 : w.pad,
                            w.channels, w.skip};
    const size_t pixels = static_cast<size_t>(w.batch) * w.height * w.width;
    const std::vector<T> x = draws.normal<T>(pixels * w.channels), skip = draws.normal<T>(pixels * w.skip);
    std::vector<T> dy = draws.normal<T>(static_cast<size_t>(w.groups) * w.outputs * stride);
    for (size_t i = 0; i < dy.size(); i++)
        if (static_cast<int>(i % stride) >= positions) dy[i] = from_float<T>(0);
    std::vector<T> y = unwritten<T>(static_cast<size_t>(w.groups) * rows * w.outputs);
    const Epilogue<T> epilogue = {y.data(), nullptr, nullptr, nullptr, nullptr, rows, w.outputs, w.outputs, rows,
                                  0,        0,       1,       1,       0,       0,    0,         nullptr};
    const Form form = forms<T>(false)[0];
    dim3 grid = form.grid(rows, w.outputs);
    grid.z = w.groups;
    emulator::launch(kernel<T>("weight_gradient"), grid, {form.threads}, form.shared, x.data(), w.skip > 0 ? skip.data() : nullptr, g,
                     Columns<T>{dy.data(), stride, positions}, epilogue);
    const auto element = [&](int m, int tap, int c) {
        const int b = m / (out_height * out_width), p = m % (out_height * out_width);
        int iy = p / out_width * w.stride - g.top + tap / kernel_width, ix = p % out_width * w.stride - g.left + tap % kernel_width;
        if (iy < 0 || iy >= w.tall || ix < 0 || ix >= w.wide) return 0.0;
        iy = iy * w.height / w.tall;
        ix = ix * w.width / w.wide;
        const size_t pixel = (static_cast<size_t>(b) * w.height + iy) * w.width + ix;
        return static_cast<double>(to_float(c < w.channels ? x[pixel * w.channels + c] : skip[pixel * w.skip + c - w.channels]));
    };
    compare(
        "weight_gradient " + std::to_string(positions) + " x " + std::to_string(rows) + " x " + std::to_string(w.outputs), y,
        [&](size_t i) {
            const int n = static_cast<int>(i % w.outputs), k = static_cast<int>(i / w.outputs % rows),
                      group = static_cast<int>(i / w.outputs / rows);
            double sum = 0;
            for (int m = 0; m < positions; m++)
                sum += element(m, k / channels, group * channels + k % channels) *
                       to_float(dy[static_cast<size_t>(group * w.outputs + n) * stride + m]);
            return sum;
        },
        [&](size_t) { return sum_error(positions, 2); });
}

template <typename T> static void layouts()
{
    Draws draws(5);
    {
        const int groups = 2, taps = 3, c = 4, n = 5;
        const std::vector<T> x = draws.normal<T>(groups * taps * c * n);
        std::vector<T> y = unwritten<T>(x.size());
        emulator::launch(kernel<T>("file_order"), {2}, {32}, 0, y.data(), x.data(), y.size(), taps, c, n);
        compare(
            "file_order", y,
            [&](size_t i) {
                const size_t t = i % taps, channel = i / taps % c, output = i / taps / c % n, group = i / taps / c / n;
                return static_cast<double>(to_float(x[((group * taps + t) * c + channel) * n + output]));
            },
            exact);
    }
    {
        const int batch = 2, height = 3, width = 2, channels = 3, stride = 2, tall = 5, wide = 3;
        const std::vector<T> x = draws.normal<T>(batch * height * width * channels);
        std::vector<T> y = unwritten<T>(batch * tall * wide * channels);
        emulator::launch(kernel<T>("spread"), {1}, {64}, 0, y.data(), x.data(), y.size(), height, width, channels, stride);
        compare(
            "spread", y,
            [&](size_t i) {
                const size_t c = i % channels, q = i / channels % wide, p = i / channels / wide % tall, b = i / channels / wide / tall;
                return p % stride || q % stride ? 0.0 : to_float(x[((b * height + p / stride) * width + q / stride) * channels + c]);
            },
            exact);
        std::vector<T> small = unwritten<T>(x.size());
        const std::vector<T> large = draws.normal<T>(y.size());
        emulator::launch(kernel<T>("shrink"), {1}, {64}, 0, small.data(), large.data(), small.size(), height, width, tall, wide, channels);
        compare(
            "shrink", small,
            [&](size_t i) {
                const size_t c = i % channels, column = i / channels % width, row = i / channels / width % height,
                             b = i / channels / width / height;
                double sum = 0;
                for (size_t p = 0; p < tall; p++)
                    for (size_t q = 0; q < wide; q++)
                        if (p * height / tall == row && q * width / wide == column)
                            sum += to_float(large[((b * tall + p) * wide + q) * channels + c]);
                return sum;
            },
            [](size_t) { return sum_error(4, 2); });
    }
}

template <typename T> static void sums(int samples, int rows, int columns, int stride, unsigned block)
{
    Draws draws(rows + columns);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(samples) * rows * stride, 1);
    std::vector<float> y = unwritten<float>(static_cast<size_t>(samples) * columns);
    const dim3 grid((columns + 31) / 32, samples);
    emulator::launch(kernel<T>("column_sums"), grid, {block}, 0, y.data(), x.data(), rows, columns, stride);
    compare(
        "column_sums " + std::to_string(rows) + " x " + std::to_string(columns), y,
        [&](size_t i) {
            double sum = 0;
            for (int row = 0; row < rows; row++)
                sum += to_float(x[(i / columns * rows + row) * stride + i % columns]);
            return sum;
        },
        [&](size_t) { return Roundoff * rows * 2 * rows; }); // of one sign: each step rounds a sum of up to 2 rows
}

int main()
{
    for (const Order order : {Order::Ascending, Order::Descending, Order::Random}) {
        emulator::order(order, 17);
        for_each_storage([](auto type) {
            using T = decltype(type);
            turn<T>(1, 1, 1, 1);
            turn<T>(1, 1, 37, 70);
            turn<T>(1, 9, 32, 5);
            turn<T>(3, 4, 7, 7);
            for (const Window& w : windows)
                weight<T>(w);
            layouts<T>();
            sums<T>(1, 1, 1, 1, 32);
            sums<T>(3, 5, 33, 40, 64);
            sums<T>(1, 301, 40, 40, 256);
        });
    }
    return failures != 0;
}
