// product_test.cpp: linear, conv2d and grouped_conv1d with every epilogue against their formulas in double.
#include "host/operation_test.h"

#include "common/epilogue.cuh"
#include "host/product_test.h"

#include <climits>

using emulator::Order;

// How the operands of one test are drawn.
struct Extras {
    bool bias, shift, residual;
    int activation;
    float scale, residual_scale;
    double mean = 0; // of the residual
    bool more_bias = false;
};

static const Extras plain = {false, false, false, 0, 1, 1};
static const Extras biased = {true, false, false, 0, 1, 1};
static const Extras bias_silu = {true, false, false, 1, 1, 1};
static const Extras everything = {true, true, true, 2, 0.5f, -0.25f};
static const Extras shift_residual = {false, true, true, 0, 1, 1};
static const Extras geglu = {true, false, true, 5, 1, 1};
static const Extras far = {true, true, true, 0, 1, 1, -1000}; // results whose deviation is small beside their mean
static const Extras two_biases = {true, true, false, 0, 1, 1, 0, true};
static const Extras quick = {true, false, false, 3, 2, 1};

// A product's operands beside the source, and what it should give: sum(m, n) in double goes through the epilogue. Of the phases of a map
// of `doubled_width`, `rows` are those of the result, and each phase has a weight of its own in each row of the whole one.
template <typename T> struct Product {
    int rows, columns, depth, samples, doubled_width, phases, stride;
    Extras extras;
    std::vector<float> bias, more_bias;
    std::vector<T> weight, shift, residual, y;
    std::vector<float2> moments;
    Epilogue<T> epilogue;

    Product(Draws& draws, int rows_, int columns_, int depth_, int samples_, const Extras& extras_, int doubled_width_ = 0)
        : rows(rows_), columns(columns_), depth(depth_), samples(samples_), doubled_width(doubled_width_),
          phases(doubled_width_ > 0 ? Phases : 1), stride((depth_ + 7) / 8 * 8 * phases), extras(extras_),
          bias(draws.normal<float>(columns_)), more_bias(draws.normal<float>(columns_)),
          weight(draws.normal<T>(static_cast<size_t>(columns_) * stride, 0, 1 / std::sqrt(depth_)))
    {
        for (size_t i = 0; i < weight.size(); i++)
            if (static_cast<int>(i % (stride / phases)) >= depth) weight[i] = from_float<T>(0);
        const int width = extras.activation == 5 ? columns / 2 : columns;
        shift = draws.normal<T>(static_cast<size_t>(samples) * columns);
        residual = draws.normal<T>(static_cast<size_t>(rows) * width, extras.mean);
        y = unwritten<T>(static_cast<size_t>(rows) * width);
        epilogue = {y.data(),
                    extras.bias ? bias.data() : nullptr,
                    extras.more_bias ? more_bias.data() : nullptr,
                    extras.shift ? shift.data() : nullptr,
                    extras.residual ? residual.data() : nullptr,
                    rows / phases,
                    columns,
                    width,
                    rows / samples / phases,
                    columns,
                    extras.activation,
                    extras.scale,
                    extras.residual_scale,
                    0,
                    doubled_width,
                    0,
                    nullptr};
    }

    // Of a row of the result, which it is of its phase's product, and the phase.
    int own_row(int m) const { return doubled_width == 0 ? m : m / (4 * doubled_width) * doubled_width + m / 2 % doubled_width; }
    int phase(int m) const { return doubled_width == 0 ? 0 : m / (2 * doubled_width) % 2 * 2 + m % 2; }

    // Room for the next result of a form, and for its moments where all tiles, or their halves, are whole and lie in one sample.
    void clear(const Form& form)
    {
        y = unwritten<T>(y.size());
        epilogue.y = y.data();
        const int positions = rows / samples / phases, m = static_cast<int>(form.m);
        const bool has_moments = positions % 64 == 0 && extras.activation != 5;
        epilogue.moment_rows = positions % m == 0 ? m : 64;
        moments.assign(has_moments ? static_cast<size_t>(rows) / epilogue.moment_rows * columns : 0, {NAN, NAN});
        epilogue.moments = has_moments ? moments.data() : nullptr;
    }

    Columns<T> columns_of_weight() const { return {weight.data(), stride, depth}; }

    // The same where nothing is joined to it.
    JoinedColumns<T> alone() const { return {columns_of_weight(), {nullptr, 0, 0}, INT_MAX, depth}; }

    // The moments, against those of what was stored. Distances from the first value, at most twice the largest from the mean, are added
    // sixteen by a lane or thread, then up to sixteen such sums, and the mean is rounded. In fp32 the means of fours are rounded before
    // they are joined, and of a tile of 128 those of its halves: their distances, together at most sqrt(rows * squares), are squared.
    void hold_moments(const std::string& what) const
    {
        const int tile_rows = epilogue.moment_rows;
        std::vector<size_t> row_of(rows); // of the result, by phase and row of its product
        for (int m = 0; m < rows; m++)
            row_of[static_cast<size_t>(phase(m)) * (rows / phases) + own_row(m)] = m;
        for (size_t i = 0; i < moments.size(); i++) {
            const size_t tile = i / columns, n = i % columns, first = tile % phases * (rows / phases) + tile / phases * tile_rows;
            const auto value = [&](size_t r) { return static_cast<double>(to_float(y[row_of[first + r] * columns + n])); };
            double mean = 0, farthest = 0, squares = 0;
            for (int r = 0; r < tile_rows; r++)
                mean += value(r) / tile_rows;
            for (int r = 0; r < tile_rows; r++) {
                farthest = std::max(farthest, std::abs(value(r) - mean));
                squares += std::pow(value(r) - mean, 2);
            }
            const double steps = 16 + 16 + 4, sum_error = steps * Roundoff * 2 * farthest,
                         rounded = 2 * Roundoff * (std::abs(mean) + farthest), error = sum_error + rounded,
                         parts = sizeof(T) == 4 || tile_rows > 64 ? 2 * rounded * std::sqrt(tile_rows * squares) : 0,
                         allowed =
                             2 * steps * Roundoff * squares + 2 * tile_rows * sum_error * sum_error + parts + tile_rows * rounded * rounded;
            if (std::abs(moments[i].x - mean) <= error && std::abs(moments[i].y - squares) <= allowed) continue;
            check(false, what + Storage<T>::suffix + ": moments of tile " + std::to_string(tile) + ", column " + std::to_string(n) + ": " +
                             std::to_string(moments[i].x) + ", " + std::to_string(moments[i].y) + ", expected " + std::to_string(mean) +
                             ", " + std::to_string(squares));
            return;
        }
    }

    // `source(m, n, k)` is the element that weight[n, k], or that of the row's phase, meets in row m.
    void hold(const std::string& what, const std::function<double(int, int, int)>& source) const
    {
        const auto sum = [&](int m, int n) {
            double total = 0;
            for (int k = 0; k < depth; k++)
                total += source(m, n, k) * to_float(weight[static_cast<size_t>(n) * stride + phase(m) * (stride / phases) + k]);
            return total + (extras.bias ? bias[n] : 0) + (extras.more_bias ? more_bias[n] : 0) +
                   (extras.shift ? to_float(shift[static_cast<size_t>(m / (rows / samples)) * columns + n]) : 0);
        };
        const int width = epilogue.y_stride;
        // Products are about 1 / sqrt(depth) large. Bias, shift, activation (slope at most 1.13, ten roundings of values up to 8), scale
        // and residual; under GEGLU either factor is up to 6.
        const double error = sum_error(depth, 1 / std::sqrt(depth)), factor = extras.activation == 5 ? 12 : 1.13;
        compare(
            what, y,
            [&](size_t i) {
                const int m = static_cast<int>(i) / width, n = static_cast<int>(i) % width;
                const double value =
                    extras.activation == 5 ? sum(m, n) * gelu_exact(sum(m, width + n)) : activated_exact(sum(m, n), extras.activation);
                return extras.scale * value + (extras.residual ? extras.residual_scale * to_float(residual[i]) : 0);
            },
            [&](size_t) {
                return (error * factor + Roundoff * 10 * 8 * factor) * std::abs(extras.scale) + Roundoff * (8 + std::abs(extras.mean));
            });
    }
};

// Launches a form for so many products; the last of the arguments, of half types alone, says how the sums are split.
template <typename T, typename... A>
static void launch_product(const Form& form, const std::string& operation, int products, int rows, int columns, const T* x, A... arguments)
{
    dim3 grid = form.grid(rows, columns);
    grid.z *= products;
    const std::string name = kernel<T>(operation.c_str()) + form.suffix;
    if constexpr (sizeof(T) == 4) {
        emulator::launch(name, grid, {form.threads}, form.shared, x, arguments...);
    } else {
        const Parts parts(form, rows, columns, products);
        emulator::launch(name, grid, {form.threads}, form.shared, x, arguments..., parts.split);
        parts.hold();
    }
}

template <typename T> static void linear(int rows, int columns, int depth, int samples, const Extras& extras, unsigned skew = 0)
{
    Draws draws(rows + columns + depth);
    Product<T> p(draws, rows, columns, depth, samples, extras);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(rows) * depth + skew);
    for (const Form& form : forms<T>(depth % 8 == 0 && skew == 0)) {
        p.clear(form);
        launch_product(form, "linear", 1, rows, columns, x.data() + skew, p.columns_of_weight(), p.epilogue);
        const std::string name = "linear" + std::string(form.suffix) + " " + std::to_string(rows) + " x " + std::to_string(columns) +
                                 " x " + std::to_string(depth);
        p.hold_moments(name);
        p.hold(name, [&](int m, int, int k) { return to_float(x[static_cast<size_t>(m) * depth + k + skew]); });
    }
}

// As in project.cu.
template <typename T> struct Projections {
    const T* weight[3];
    const float* bias[3];
    T* y[3];
};

// Several products of one source: one without a bias among them.
template <typename T> static void project(int rows, int columns, int depth, unsigned skew = 0)
{
    Draws draws(rows + columns + depth);
    std::vector<Product<T>> products;
    for (const Extras& extras : {biased, plain, biased})
        products.emplace_back(draws, rows, columns, depth, 1, extras);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(rows) * depth + skew);
    for (const Form& form : forms<T>(depth % 8 == 0 && skew == 0)) {
        Projections<T> projections;
        for (int z = 0; z < 3; z++) {
            Product<T>& p = products[z];
            p.y = unwritten<T>(p.y.size());
            projections.weight[z] = p.weight.data();
            projections.bias[z] = p.epilogue.bias;
            projections.y[z] = p.y.data();
        }
        Columns<T> shared = products[0].columns_of_weight();
        Epilogue<T> epilogue = products[0].epilogue;
        shared.weight = nullptr;
        epilogue.y = nullptr;
        epilogue.bias = nullptr;
        launch_product(form, "project", 3, rows, columns, x.data() + skew, projections, shared, epilogue);
        for (const Product<T>& p : products)
            p.hold("project" + std::string(form.suffix) + " " + std::to_string(rows) + " x " + std::to_string(columns) + " x " +
                       std::to_string(depth),
                   [&](int m, int, int k) { return to_float(x[static_cast<size_t>(m) * depth + k + skew]); });
    }
}

struct Window {
    int batch, height, width, channels, skip, columns, kernel, stride, top, left, bottom, right, tall, wide;
};

// As in conv2d.cu.
struct ConvGeometry {
    int height, width, tall, wide, out_height, out_width, kernel_width, stride, top, left, x_channels, skip_channels;
};

template <typename T> static void conv2d(const Window& w, const Extras& extras)
{
    Draws draws(w.height + w.channels + w.columns);
    const int tall = w.tall > 0 ? w.tall : w.height, wide = w.wide > 0 ? w.wide : w.width, channels = w.channels + w.skip;
    const int oh = (tall + w.top + w.bottom - w.kernel) / w.stride + 1, ow = (wide + w.left + w.right - w.kernel) / w.stride + 1;
    Product<T> p(draws, w.batch * oh * ow, w.columns, w.kernel * w.kernel * channels, w.batch, extras);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(w.batch) * w.height * w.width * w.channels),
                         skip = draws.normal<T>(static_cast<size_t>(w.batch) * w.height * w.width * w.skip);
    const ConvGeometry g = {w.height, w.width, tall, wide, oh, ow, w.kernel, w.stride, w.top, w.left, w.channels, w.skip};
    for (const Form& form : forms<T>(w.channels % 8 == 0 && w.skip % 8 == 0)) {
        p.clear(form);
        launch_product(form, "conv2d", 1, p.rows, p.columns, x.data(), w.skip > 0 ? skip.data() : nullptr, g, Shortcut<T>{}, p.alone(),
                       p.epilogue);
        const std::string name = "conv2d" + std::string(form.suffix) + " " + std::to_string(w.height) + " x " + std::to_string(w.width) +
                                 ", " + std::to_string(channels) + " to " + std::to_string(w.columns);
        p.hold_moments(name);
        p.hold(name, [&](int m, int, int k) {
            const int b = m / (oh * ow), tap = k / channels, c = k % channels;
            const int row = m / ow % oh * w.stride - w.top + tap / w.kernel, column = m % ow * w.stride - w.left + tap % w.kernel;
            if (row < 0 || row >= tall || column < 0 || column >= wide) return 0.0f;
            const size_t pixel = (static_cast<size_t>(b) * w.height + row * w.height / tall) * w.width + column * w.width / wide;
            return to_float(c < w.channels ? x[pixel * w.channels + c] : skip[pixel * w.skip + c - w.channels]);
        });
    }
}

// The four phases of a map that is doubled, each with a weight as drawn: that their sums are those of a 3x3 weight is the backend's affair.
template <typename T>
static void doubled(int batch, int height, int width, int channels, int skip_channels, int columns, const Extras& extras)
{
    Draws draws(height + channels + columns);
    const int all = channels + skip_channels;
    Product<T> p(draws, batch * 4 * height * width, columns, 4 * all, batch, extras, width);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(batch) * height * width * channels),
                         skip = draws.normal<T>(static_cast<size_t>(batch) * height * width * skip_channels);
    const ConvGeometry g = {height, width, height, width, height, width, 2, 1, 1, 1, channels, skip_channels};
    for (const Form& form : forms<T>(channels % 8 == 0 && skip_channels % 8 == 0)) {
        p.clear(form);
        launch_product(form, "conv2d", Phases, p.epilogue.rows, p.columns, x.data(), skip_channels > 0 ? skip.data() : nullptr, g,
                       Shortcut<T>{}, p.alone(), p.epilogue);
        const std::string name = "conv2d" + std::string(form.suffix) + " " + std::to_string(height) + " x " + std::to_string(width) +
                                 " doubled, " + std::to_string(all) + " to " + std::to_string(columns);
        p.hold_moments(name);
        p.hold(name, [&](int m, int, int k) {
            const int b = m / (4 * height * width), tap = k / all, c = k % all;
            const int oy = m / (2 * width) % (2 * height), ox = m % (2 * width);
            const int row = oy / 2 + oy % 2 - 1 + tap / 2, column = ox / 2 + ox % 2 - 1 + tap % 2;
            if (row < 0 || row >= height || column < 0 || column >= width) return 0.0f;
            const size_t pixel = (static_cast<size_t>(b) * height + row) * width + column;
            return to_float(c < channels ? x[pixel * channels + c] : skip[pixel * skip_channels + c - channels]);
        });
    }
}

// A 3x3 window, and then the pixel of a shortcut of two sources, or one. The weight as drawn is both, with a gap where rows are filled up.
template <typename T>
static void with_shortcut(int batch, int height, int width, int channels, int shortcut_x, int shortcut_skip, int columns,
                          const Extras& extras)
{
    Draws draws(height + channels + columns);
    const int depth = 9 * channels, start = (depth + 7) / 8 * 8, others = shortcut_x + shortcut_skip;
    Product<T> p(draws, batch * height * width, columns, start + others, batch, extras);
    const size_t pixels = static_cast<size_t>(batch) * height * width;
    const std::vector<T> x = draws.normal<T>(pixels * channels), from = draws.normal<T>(pixels * shortcut_x),
                         skip = draws.normal<T>(pixels * shortcut_skip);
    std::vector<T> first(static_cast<size_t>(columns) * start), second(static_cast<size_t>(columns) * (p.stride - start));
    for (int n = 0; n < columns; n++)
        for (int k = 0; k < p.stride; k++) {
            T& own = p.weight[static_cast<size_t>(n) * p.stride + k];
            if (k >= depth && k < start) own = from_float<T>(0);
            (k < start ? first[n * start + k] : second[n * (p.stride - start) + k - start]) = own;
        }
    const ConvGeometry g = {height, width, height, width, height, width, 3, 1, 1, 1, channels, 0};
    const Shortcut<T> shortcut = {from.data(), shortcut_skip > 0 ? skip.data() : nullptr, shortcut_x, shortcut_skip};
    const JoinedColumns<T> joined = {{first.data(), start, depth}, {second.data(), p.stride - start, others}, start, start + others};
    for (const Form& form : forms<T>(channels % 8 == 0 && shortcut_x % 8 == 0 && shortcut_skip % 8 == 0)) {
        p.clear(form);
        launch_product(form, "conv2d", 1, p.rows, p.columns, x.data(), static_cast<const T*>(nullptr), g, shortcut, joined, p.epilogue);
        const std::string name = "conv2d" + std::string(form.suffix) + " " + std::to_string(height) + " x " + std::to_string(width) + ", " +
                                 std::to_string(channels) + " to " + std::to_string(columns) + " with a shortcut of " +
                                 std::to_string(others);
        p.hold_moments(name);
        p.hold(name, [&](int m, int, int k) {
            if (k >= start) {
                const int c = k - start;
                return to_float(c < shortcut_x ? from[static_cast<size_t>(m) * shortcut_x + c]
                                               : skip[static_cast<size_t>(m) * shortcut_skip + c - shortcut_x]);
            }
            const int tap = k / channels, row = m / width % height - 1 + tap / 3, column = m % width - 1 + tap % 3;
            if (k >= depth || row < 0 || row >= height || column < 0 || column >= width) return 0.0f;
            return to_float(x[((static_cast<size_t>(m / (height * width)) * height + row) * width + column) * channels + k % channels]);
        });
    }
}

template <typename T> static void grouped(int batch, int length, int channels, int groups, int taps, int padding, const Extras& extras)
{
    Draws draws(length + channels);
    const int width = channels / groups;
    Product<T> p(draws, batch * length, channels, taps * width, batch, extras);
    const std::vector<T> x = draws.normal<T>(static_cast<size_t>(batch) * length * channels);
    for (const Form& form : narrow_forms<T>(width % 8 == 0)) {
        p.y = unwritten<T>(p.y.size());
        p.epilogue.y = p.y.data();
        dim3 grid = form.grid(p.rows, width);
        grid.z = groups;
        emulator::launch(kernel<T>("grouped_conv1d") + form.suffix, grid, {form.threads}, form.shared, x.data(), p.columns_of_weight(),
                         p.epilogue, length, channels, padding);
        p.hold("grouped_conv1d" + std::string(form.suffix) + " " + std::to_string(length) + " x " + std::to_string(channels),
               [&](int m, int n, int k) {
                   const int t = m % length + k / width - padding;
                   return t < 0 || t >= length
                              ? 0.0f
                              : to_float(x[(static_cast<size_t>(m / length) * length + t) * channels + n / width * width + k % width]);
               });
    }
}

int main()
{
#if defined(__SANITIZE_THREAD__) // slow, and it sees a race in any order
    const std::vector<Order> orders = {Order::Random};
#else
    const std::vector<Order> orders = {Order::Ascending, Order::Descending, Order::Random};
#endif
    for (const Order order : orders) {
        emulator::order(order, 11);
        for_each_storage([](auto type) {
            using T = decltype(type);
            linear<T>(1, 1, 1, 1, plain);
            linear<T>(3, 5, 7, 1, bias_silu);
            linear<T>(77, 67, 129, 1, everything);
            linear<T>(2 * 33, 72, 40, 2, everything);
            linear<T>(130, 164, 200, 1, shift_residual);
            linear<T>(70, 84, 600, 1, biased); // more stages than the ring has
            linear<T>(65, 38, 48, 1, geglu);
            linear<T>(129, 168, 96, 1, geglu);
            linear<T>(20, 16, 64, 1, quick, 1);    // an odd address
            linear<T>(128, 72, 40, 2, everything); // whole tiles or halves of them, whose moments are told, too
            linear<T>(128, 88, 136, 1, far);
            linear<T>(128, 13, 16, 1, biased);
            linear<T>(64, 20, 16, 1, quick, 1);
            project<T>(1, 1, 1);
            project<T>(77, 67, 129);
            project<T>(130, 164, 40);
            project<T>(20, 16, 64, 1);
            conv2d<T>({2, 9, 7, 8, 0, 24, 3, 1, 1, 1, 1, 1, 0, 0}, bias_silu);
            conv2d<T>({1, 8, 8, 4, 0, 20, 3, 1, 1, 1, 1, 1, 0, 0}, plain);
            conv2d<T>({2, 7, 5, 8, 16, 13, 3, 1, 1, 1, 1, 1, 0, 0}, everything);
            conv2d<T>({1, 6, 5, 5, 3, 9, 3, 1, 1, 1, 1, 1, 0, 0}, shift_residual);
            conv2d<T>({1, 9, 9, 8, 0, 8, 3, 2, 1, 1, 1, 1, 0, 0}, plain);
            conv2d<T>({1, 8, 6, 8, 0, 8, 3, 2, 0, 0, 1, 1, 0, 0}, plain); // the encoder's asymmetric padding
            conv2d<T>({2, 4, 3, 8, 0, 8, 3, 1, 1, 1, 1, 1, 8, 6}, bias_silu);
            conv2d<T>({1, 4, 3, 8, 0, 8, 3, 1, 1, 1, 1, 1, 7, 5}, plain); // an odd enlargement
            conv2d<T>({2, 5, 5, 24, 8, 168, 1, 1, 0, 0, 0, 0, 0, 0}, everything);
            conv2d<T>({2, 16, 8, 8, 0, 20, 3, 1, 1, 1, 1, 1, 0, 0}, far);
            conv2d<T>({1, 8, 8, 4, 0, 24, 3, 1, 1, 1, 1, 1, 0, 0}, everything);
            conv2d<T>({3, 4, 4, 8, 8, 13, 3, 1, 1, 1, 1, 1, 8, 8}, shift_residual);
            doubled<T>(1, 1, 1, 3, 0, 5, plain); // all but one tap in the padding
            doubled<T>(2, 5, 3, 8, 0, 24, bias_silu);
            doubled<T>(1, 7, 5, 5, 2, 13, everything);
            doubled<T>(2, 5, 13, 24, 16, 168, everything); // more than a tile both ways
            doubled<T>(2, 8, 8, 48, 0, 20, far);           // whole tiles or halves of them, whose moments are told
            doubled<T>(1, 8, 16, 8, 0, 72, shift_residual);
            with_shortcut<T>(1, 1, 1, 1, 1, 0, 1, plain);
            with_shortcut<T>(2, 5, 3, 8, 16, 8, 24, two_biases);
            with_shortcut<T>(1, 7, 5, 5, 3, 2, 13, two_biases);     // rows that are filled up between the two
            with_shortcut<T>(2, 6, 7, 24, 40, 72, 168, two_biases); // the second begins within a stage
            with_shortcut<T>(1, 8, 8, 64, 128, 0, 20, two_biases);  // and with one
            grouped<T>(2, 13, 16, 2, 5, 2, bias_silu);
            grouped<T>(1, 21, 12, 4, 4, 2, everything);
            grouped<T>(1, 70, 144, 2, 8, 4, shift_residual);
        });
    }
    return failures != 0;
}
