// attention_plain.cu: softmax(scale q k^T + gate * bias) v for each head, for any storage type and any head width up to 512.
// Source    online softmax: Milakov and Gimelshein 2018. The fast form for half types is attention.cu; this is the fp32 path and the
//           form for head widths that are no multiple of 8.
// Shapes    see Attention in common/scores.cuh.
// Launch    grid (ceil(queries / 32), heads, B), 256 threads, dynamic shared memory 32 * (width + 1) + 32 * 32 floats. `_C` takes head
// widths
//           up to 32 C.
// Cost      4 B heads queries keys width operations as FMAs; keys and values are read once for 32 queries.
#include "common/reduce.cuh"
#include "common/scores.cuh"

constexpr int Queries = 32, Keys = 32, QueriesPerWarp = 4;

// C columns of the result a lane: lane, lane + 32, ...
template <typename T, int C> DEVICE void attention_plain(const Attention<T>& a)
{
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
        const int j = key0 + lane;
        for (int r = 0; r < QueriesPerWarp; r++) {
            const int i = first + r;
            float score = NoScore;
            if (i < a.queries && j < a.keys && !(a.causal && j > i)) {
                const T* q = a.q + ((size_t)b * a.queries + i) * pitch + head * width;
                float dot = 0.0f;
                for (int c = 0; c < width; c++)
                    dot += to_float(q[c]) * tile[lane * (width + 1) + c];
                score = a.scale * dot + RowBias<T>(a, b, head, i).at(j);
            }
            const float larger = fmaxf(largest[r], warp_max(score)), fade = expf(largest[r] - larger), p = expf(score - larger);
            largest[r] = larger;
            total[r] = total[r] * fade + p;
            share[r * Keys + lane] = p;
            for (int c = 0; c < C; c++)
                sum[r][c] *= fade;
        }
        load(a.v, key0); // its barriers also publish the shares
        for (int r = 0; r < QueriesPerWarp; r++) {
            for (int key = 0; key < Keys; key++) {
                const float p = share[r * Keys + key];
                for (int c = 0; c < C; c++) {
                    if (lane + 32 * c < width) sum[r][c] += p * tile[key * (width + 1) + lane + 32 * c];
                }
            }
        }
    }
    for (int r = 0; r < QueriesPerWarp; r++) {
        const float all = warp_sum(total[r]);
        T* y = a.y + ((size_t)b * a.queries + first + r) * pitch + head * width;
        for (int c = 0; c < C; c++) {
            if (first + r < a.queries && lane + 32 * c < width) y[lane + 32 * c] = from_float<T>(sum[r][c] / all);
        }
    }
}

#define WIDTH(name, T, C)                                                                                                                  \
    KERNEL name(const Attention<T> a)                                                                                                      \
    {                                                                                                                                      \
        attention_plain<T, C>(a);                                                                                                          \
    }                                                                                                                                      \
    EXPORT(name)
#define INSTANCE(suffix, T)                                                                                                                \
    WIDTH(attention_plain_##suffix##_2, T, 2)                                                                                              \
    WIDTH(attention_plain_##suffix##_5, T, 5)                                                                                              \
    WIDTH(attention_plain_##suffix##_16, T, 16)
FOR_EACH_FLOAT(INSTANCE)
