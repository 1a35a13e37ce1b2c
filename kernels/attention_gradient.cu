// attention_gradient.cu: gradients of attention.cu by query, key, value, bias and gate.
//   With p the shares of a row and dp[j] = dy . v[j]: ds[j] = p[j] (dp[j] - sum_j p[j] dp[j]);
//   dq = scale sum_j ds[j] k[j],  dk[j] = scale sum_i ds[i, j] q[i],  dv[j] = sum_i p[i, j] dy[i];
//   dgate[b, i, h] = sum_j ds[j] bias[h, i, j],  dbias[h, i, j] = sum_b gate[b, i, h] ds[b, i, j]
// Source    Dao et al. 2022, algorithm 4; queries and keys have a pass each, so that no sum is shared among blocks: the order of every sum
//           depends on shapes alone.
// Shapes    see Attention in common/scores.cuh; dy, dq as q; dk, dv as k; rows [B, heads, queries, 2] in fp32: the log-sum-exp of the
//           scores, and sum p dp. dbias and dgate as their operands, or null.
// Launch    in this order: attention_gradient_queries grid (ceil(queries / 32), heads, B), attention_gradient_keys grid
//           (ceil(keys / 32), heads, B), each 256 threads and dynamic shared memory 32 * (width + 1) + 64 * 32 floats; `_C` takes head
//           widths up to 32 C; attention_gradient_bias grid (ceil(keys / block), queries, heads), any block.
// Cost      the products of five attentions' halves, and two more for the second pass over the keys, as FMAs: 18 B heads queries keys width
//           operations.
#include "common/reduce.cuh"
#include "common/scores.cuh"

constexpr int Rows = 32, RowsPerWarp = 4; // of a block: queries in one pass, keys in the other

struct RowSums {
    float log_sum; // of the exponentials of the scores
    float pull;    // sum of share times its gradient
};

template <typename T> struct AttentionGradient {
    Attention<T> a; // y is not used
    const T* dy;
    T* dq;
    T* dk;
    T* dv;
    T* dbias;
    T* dgate;
    RowSums* rows;

    DEVICE_MEMBER int pitch() const { return a.heads * a.width; }
    DEVICE_MEMBER size_t query(int b, int head, int i) const { return ((size_t)b * a.queries + i) * pitch() + head * a.width; }
    DEVICE_MEMBER size_t key(int b, int head, int j) const { return ((size_t)b * a.keys + j) * pitch() + head * a.width; }
    DEVICE_MEMBER RowSums& sums(int b, int head, int i) const { return rows[((size_t)b * a.heads + head) * a.queries + i]; }
    DEVICE_MEMBER bool sees(int i, int j) const { return i < a.queries && j < a.keys && !(a.causal && j > i); }
};

// 32 rows of a head in shared memory, width + 1 apart: a column is read by all lanes, a row each.
template <typename T> DEVICE void load_tile(float* tile, const T* from, int first, int count, int pitch, int width)
{
    __syncthreads();
    for (int i = threadIdx.x; i < Rows * width; i += blockDim.x) {
        const int row = i / width, c = i % width;
        tile[row * (width + 1) + c] = first + row < count ? to_float(from[(size_t)row * pitch + c]) : 0.0f;
    }
    __syncthreads();
}

// The product of this lane's row of the tile with a row in memory.
template <typename T> DEVICE float dot(const float* tile, const T* row, int width)
{
    float sum = 0.0f;
    for (int c = 0; c < width; c++)
        sum += to_float(row[c]) * tile[threadIdx.x % 32 * (width + 1) + c];
    return sum;
}

// sum[c] += sum over the tile's rows of factor[row] * tile[row][lane + 32 c].
template <int C> DEVICE void add_rows(float* sum, const float* factor, const float* tile, int width)
{
    for (int row = 0; row < Rows; row++) {
        for (int c = 0; c < C; c++) {
            const int column = threadIdx.x % 32 + 32 * c;
            if (column < width) sum[c] += factor[row] * tile[row * (width + 1) + column];
        }
    }
}

template <typename T, int C> DEVICE void store_row(T* to, const float* sum, float scale, int width)
{
    for (int c = 0; c < C; c++) {
        const int column = threadIdx.x % 32 + 32 * c;
        if (column < width) to[column] = from_float<T>(scale * sum[c]);
    }
}

template <typename T, int C> DEVICE void attention_gradient_queries(const AttentionGradient<T>& g)
{
    DYNAMIC_SHARED(float, tile);
    const Attention<T>& a = g.a;
    const int lane = threadIdx.x % 32, own = threadIdx.x / 32 * RowsPerWarp, head = blockIdx.y, b = blockIdx.z, width = a.width;
    const int first = blockIdx.x * Rows + own;
    float* share = tile + Rows * (width + 1) + own * Rows; // [RowsPerWarp][keys of a tile]
    const int seen = a.causal && (int)blockIdx.x * Rows + Rows < a.keys ? (int)blockIdx.x * Rows + Rows : a.keys;

    float score[RowsPerWarp], slope[RowsPerWarp];
    const auto compare = [&](int key0) {
        load_tile(tile, a.k + g.key(b, head, key0), key0, a.keys, g.pitch(), width);
        for (int r = 0; r < RowsPerWarp; r++) {
            score[r] = NoScore;
            if (g.sees(first + r, key0 + lane))
                score[r] =
                    a.scale * dot(tile, a.q + g.query(b, head, first + r), width) + RowBias<T>(a, b, head, first + r).at(key0 + lane);
        }
        load_tile(tile, a.v + g.key(b, head, key0), key0, a.keys, g.pitch(), width);
        for (int r = 0; r < RowsPerWarp; r++)
            slope[r] = g.sees(first + r, key0 + lane) ? dot(tile, g.dy + g.query(b, head, first + r), width) : 0.0f;
    };

    RowSums rows[RowsPerWarp];
    float largest[RowsPerWarp], total[RowsPerWarp] = {}, weighted[RowsPerWarp] = {};
    for (float& value : largest)
        value = NoScore;
    for (int key0 = 0; key0 < seen; key0 += Rows) {
        compare(key0);
        for (int r = 0; r < RowsPerWarp; r++) {
            const float larger = fmaxf(largest[r], warp_max(score[r])), fade = expf(largest[r] - larger), p = expf(score[r] - larger);
            largest[r] = larger;
            total[r] = total[r] * fade + p;
            weighted[r] = weighted[r] * fade + p * slope[r];
        }
    }
    for (int r = 0; r < RowsPerWarp; r++) {
        const float all = warp_sum(total[r]);
        rows[r] = {largest[r] + logf(all), warp_sum(weighted[r]) / all};
        if (lane == 0 && first + r < a.queries) g.sums(b, head, first + r) = rows[r];
    }

    float sum[RowsPerWarp][C] = {}, by_gate[RowsPerWarp] = {};
    for (int key0 = 0; key0 < seen; key0 += Rows) {
        compare(key0);
        for (int r = 0; r < RowsPerWarp; r++) {
            const bool sees = g.sees(first + r, key0 + lane);
            const float ds = sees ? expf(score[r] - rows[r].log_sum) * (slope[r] - rows[r].pull) : 0.0f;
            share[r * Rows + lane] = ds;
            if (g.dgate != nullptr && sees)
                by_gate[r] += ds * to_float(a.bias[((size_t)head * a.queries + first + r) * a.keys + key0 + lane]);
        }
        load_tile(tile, a.k + g.key(b, head, key0), key0, a.keys, g.pitch(), width); // its barriers also publish the shares
        for (int r = 0; r < RowsPerWarp; r++)
            add_rows<C>(sum[r], share + r * Rows, tile, width);
    }
    for (int r = 0; r < RowsPerWarp; r++) {
        const float gate = g.dgate == nullptr ? 0.0f : warp_sum(by_gate[r]);
        if (first + r >= a.queries) continue;
        store_row<T, C>(g.dq + g.query(b, head, first + r), sum[r], a.scale, width);
        if (g.dgate != nullptr && lane == 0) g.dgate[((size_t)b * a.queries + first + r) * a.heads + head] = from_float<T>(gate);
    }
}

template <typename T, int C> DEVICE void attention_gradient_keys(const AttentionGradient<T>& g)
{
    DYNAMIC_SHARED(float, tile);
    const Attention<T>& a = g.a;
    const int lane = threadIdx.x % 32, own = threadIdx.x / 32 * RowsPerWarp, head = blockIdx.y, b = blockIdx.z, width = a.width;
    const int first = blockIdx.x * Rows + own;
    float* share = tile + Rows * (width + 1) + own * Rows; // [RowsPerWarp][queries of a tile]
    float* pull = share + Rows * Rows;

    float by_key[RowsPerWarp][C] = {}, by_value[RowsPerWarp][C] = {};
    for (int query0 = a.causal ? (int)blockIdx.x * Rows : 0; query0 < a.queries; query0 += Rows) {
        const int i = query0 + lane;
        const RowSums rows = i < a.queries ? g.sums(b, head, i) : RowSums{0.0f, 0.0f};
        const RowBias<T> bias(a, b, head, i);
        load_tile(tile, a.q + g.query(b, head, query0), query0, a.queries, g.pitch(), width);
        for (int r = 0; r < RowsPerWarp; r++) {
            float p = 0.0f;
            if (g.sees(i, first + r))
                p = expf(a.scale * dot(tile, a.k + g.key(b, head, first + r), width) + bias.at(first + r) - rows.log_sum);
            share[r * Rows + lane] = p;
        }
        load_tile(tile, g.dy + g.query(b, head, query0), query0, a.queries, g.pitch(), width);
        for (int r = 0; r < RowsPerWarp; r++) {
            const float slope = g.sees(i, first + r) ? dot(tile, a.v + g.key(b, head, first + r), width) : 0.0f;
            pull[r * Rows + lane] = share[r * Rows + lane] * (slope - rows.pull);
            add_rows<C>(by_value[r], share + r * Rows, tile, width);
        }
        load_tile(tile, a.q + g.query(b, head, query0), query0, a.queries, g.pitch(), width);
        for (int r = 0; r < RowsPerWarp; r++)
            add_rows<C>(by_key[r], pull + r * Rows, tile, width);
    }
    for (int r = 0; r < RowsPerWarp && first + r < a.keys; r++) {
        store_row<T, C>(g.dk + g.key(b, head, first + r), by_key[r], a.scale, width);
        store_row<T, C>(g.dv + g.key(b, head, first + r), by_value[r], 1.0f, width);
    }
}

template <typename T> DEVICE void attention_gradient_bias(const AttentionGradient<T>& g, int batch)
{
    const Attention<T>& a = g.a;
    const int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y, head = blockIdx.z;
    if (j >= a.keys) return;
    float sum = 0.0f;
    for (int b = 0; b < batch && g.sees(i, j); b++) {
        const RowBias<T> bias(a, b, head, i);
        const RowSums rows = g.sums(b, head, i);
        const size_t query = g.query(b, head, i), key = g.key(b, head, j);
        float score = 0.0f, slope = 0.0f;
        for (int c = 0; c < a.width; c++) {
            score += to_float(a.q[query + c]) * to_float(a.k[key + c]);
            slope += to_float(g.dy[query + c]) * to_float(a.v[key + c]);
        }
        sum += bias.gate * expf(a.scale * score + bias.at(j) - rows.log_sum) * (slope - rows.pull);
    }
    g.dbias[((size_t)head * a.queries + i) * a.keys + j] = from_float<T>(sum);
}

#define PASS(name, suffix, T, C)                                                                                                           \
    KERNEL THREADS(256) name##_##suffix##_##C(const AttentionGradient<T> g)                                                                \
    {                                                                                                                                      \
        name<T, C>(g);                                                                                                                     \
    }                                                                                                                                      \
    EXPORT(name##_##suffix##_##C)
#define INSTANCE(suffix, T)                                                                                                                \
    PASS(attention_gradient_queries, suffix, T, 2)                                                                                         \
    PASS(attention_gradient_queries, suffix, T, 5)                                                                                         \
    PASS(attention_gradient_queries, suffix, T, 16)                                                                                        \
    PASS(attention_gradient_keys, suffix, T, 2)                                                                                            \
    PASS(attention_gradient_keys, suffix, T, 5)                                                                                            \
    PASS(attention_gradient_keys, suffix, T, 16)                                                                                           \
    KERNEL attention_gradient_bias_##suffix(const AttentionGradient<T> g, int batch)                                                       \
    {                                                                                                                                      \
        attention_gradient_bias(g, batch);                                                                                                 \
    }                                                                                                                                      \
    EXPORT(attention_gradient_bias_##suffix)
FOR_EACH_FLOAT(INSTANCE)
