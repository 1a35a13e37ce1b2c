// attention_plain.cu: softmax(scale q k^T + gate * bias) v for each head, for any storage type and any head width up to 512.
// Source    online softmax: Milakov and Gimelshein 2018. The fast form for half types is attention.cu; this is the fp32 path and the
//           form for head widths that are no multiple of 8.
// Shapes    see Attention in common/scores.cuh.
// Launch    grid (ceil(queries / 32), heads, B), 256 threads, dynamic shared memory keys * (width + 33) floats. `_C` takes head widths up
// to
//           32 C, in steps of 64 keys, `_16` of 32.
// Cost      4 B heads queries keys width operations as FMAs; keys and values are read once for 32 queries.
#include "common/reduce.cuh"
#include "common/scores.cuh"

constexpr int Queries = 32, QueriesPerWarp = 4;
constexpr float Lag = 16.0f; // how far the maximum may lag behind: shares of up to e^16 lose no digit of fp32

// C columns of the result and K keys a lane: lane, lane + 32, ...
template <typename T, int C, int K> DEVICE void attention_plain(const Attention<T>& a)
{
    constexpr int Keys = 32 * K;
    DYNAMIC_SHARED(float, shared);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, head = blockIdx.y, b = blockIdx.z;
    const int width = a.width, pitch = a.heads * width, own = warp * QueriesPerWarp, first = blockIdx.x * Queries + own;
    float* tile = shared;                                    // [Keys][width + 1]: a column is read by all lanes, a key each
    float* share = shared + Keys * (width + 1) + own * Keys; // [QueriesPerWarp][Keys]
    const size_t head_start = (size_t)b * a.keys * pitch + head * width;

    const auto load = [&](const T* from, int key0) {
        __syncthreads();
        for (int i = threadIdx.x; i < Keys * width; i += blockDim.x) {
            const int j = i / width, c = i % width;
            tile[j * (width + 1) + c] = key0 + j < a.keys ? to_float(from[head_start + (size_t)(key0 + j) * pitch + c]) : 0.0f;
        }
        __syncthreads();
    };

    float sum[QueriesPerWarp][C] = {}, total[QueriesPerWarp] = {}, largest[QueriesPerWarp];
    for (float& value : largest)
        value = NoScore;
    const int seen = a.causal && (int)blockIdx.x * Queries + Queries < a.keys ? (int)blockIdx.x * Queries + Queries : a.keys;
    for (int key0 = 0; key0 < seen; key0 += Keys) {
        load(a.k, key0);
        float score[QueriesPerWarp][K];
        bool beyond = false;
        for (int r = 0; r < QueriesPerWarp; r++) {
            const int i = first + r;
            const T* q = a.q + ((size_t)b * a.queries + i) * pitch + head * width;
            const RowBias<T> bias(a, b, head, i);
            for (int k = 0; k < K; k++) {
                const int j = key0 + lane + 32 * k;
                score[r][k] = NoScore;
                if (i < a.queries && j < a.keys && !(a.causal && j > i)) {
                    float dot = 0.0f;
                    for (int c = 0; c < width; c++)
                        dot += to_float(q[c]) * tile[(lane + 32 * k) * (width + 1) + c];
                    score[r][k] = a.scale * dot + bias.at(j);
                }
                beyond = beyond || score[r][k] > largest[r] + Lag;
            }
        }
        if (__ballot_sync(0xffffffffu, beyond) != 0) {
            for (int r = 0; r < QueriesPerWarp; r++) {
                float larger = largest[r];
                for (int k = 0; k < K; k++)
                    larger = fmaxf(larger, score[r][k]);
                larger = warp_max(larger);
                const float fade = expf(largest[r] - larger);
                largest[r] = larger;
                total[r] *= fade;
                for (int c = 0; c < C; c++)
                    sum[r][c] *= fade;
            }
        }
        for (int r = 0; r < QueriesPerWarp; r++) {
            for (int k = 0; k < K; k++)
                share[r * Keys + lane + 32 * k] = expf(score[r][k] - largest[r]);
        }
        load(a.v, key0); // its barriers also publish the shares
        const int here = seen - key0 < Keys ? seen - key0 : Keys;
        if (lane >= width) continue; // no column of its own
        for (int r = 0; r < QueriesPerWarp; r++) {
            for (int key = 0; key < here; key++) {
                const float p = share[r * Keys + key];
                total[r] += p;
                for (int c = 0; c < C; c++) {
                    if (lane + 32 * c < width) sum[r][c] += p * tile[key * (width + 1) + lane + 32 * c];
                }
            }
        }
    }
    for (int r = 0; r < QueriesPerWarp; r++) {
        T* y = a.y + ((size_t)b * a.queries + first + r) * pitch + head * width;
        for (int c = 0; c < C; c++) {
            if (first + r < a.queries && lane + 32 * c < width) y[lane + 32 * c] = from_float<T>(sum[r][c] / total[r]);
        }
    }
}

#define WIDTH(name, T, C, K)                                                                                                               \
    KERNEL name(const Attention<T> a)                                                                                                      \
    {                                                                                                                                      \
        attention_plain<T, C, K>(a);                                                                                                       \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    WIDTH(attention_plain_##suffix##_2, T, 2, 2)                                                                                           \
    WIDTH(attention_plain_##suffix##_5, T, 5, 2)                                                                                           \
    WIDTH(attention_plain_##suffix##_16, T, 16, 1)
FOR_EACH_FLOAT(INSTANCE)
