// product.cuh: the matrix product under linear.cu, conv2d.cu and grouped_conv1d.cu: rows of a source times the rows of a weight, by tiles.
//   sum[m, n] = sum_k source(m, k) * weight[n, k]
// A source tells where element k of row m lies: `Found<T> at(const Row& row, const Place& place)` after `Row row(int m)` and
// `Place place(int k)`; `next(place, k)` goes TileDepth elements on, to k, `step(place, k)` one. So a convolution is a product whose rows
// are windows, and none is ever gathered in memory. A weight tells the same of its rows (Columns). Half types: tensor cores with fp32 sums,
// fed by a ring of shared-memory stages that cp.async fills; by mma.sync, or on sm_90a by wgmma, which reads shared memory itself. Both
// read rows of 128 bytes whose 16-byte chunks are swizzled: chunk c of row r lies at chunk c ^ r % 8. Few tiles of a long sum are split
// among blocks; the last of them to end adds the parts in their order. fp32: plain tiles of FMAs.
#pragma once
#include "common/epilogue.cuh"
#include "common/mma.cuh"

constexpr int TileDepth = 64; // elements of one stage: 128 bytes

template <typename T> struct Columns {
    const T* weight; // [columns, stride], rows zero-filled from depth on
    int stride;      // a multiple of 8
    int depth;

    // Element k of the first row, and how many bytes behind it that of row n lies.
    DEVICE_MEMBER const char* place(int k) const { return reinterpret_cast<const char*>(weight + k); }
    DEVICE_MEMBER unsigned row(int n, int) const { return (unsigned)n * stride * sizeof(T); }
    // Goes TileDepth elements on, to k; true where the rows lie differently from there on.
    DEVICE_MEMBER bool next(const char*& place, int) const
    {
        place += TileDepth * sizeof(T);
        return false;
    }
};

// Where an element of a source lies; a zero, and no address, outside.
template <typename T> struct Found {
    const T* at;
    bool inside;
};

// How a sum is split among blocks.
struct Split {
    float* partial; // [tiles, parts, m * n]
    int* arrived;   // [tiles]: zero before and after
    int parts;
};

constexpr int LeastMomentRows = 64; // whose moments are told together

// A tile by mma.sync. Warps lie warps_m by warps_n; each takes (m / warps_m) by (n / warps_n).
template <int M, int N, int WarpsM, int WarpsN, int StageCount> struct WarpTile {
    static constexpr int m = M, n = N, warps_m = WarpsM, warps_n = WarpsN, threads = 32 * WarpsM * WarpsN, stages = StageCount;
    static constexpr bool by_warpgroups = false;
};

// A tile by wgmma: four warps for every 64 rows, each with all columns.
template <int M, int N, int StageCount> struct WarpgroupTile {
    static constexpr int m = M, n = N, warps_m = M / 16, warps_n = 1, threads = 2 * M, stages = StageCount;
    static constexpr bool by_warpgroups = true;
};

// The place of a 16-byte chunk in a stage, in elements.
DEVICE int swizzled(int row, int chunk)
{
    return row * TileDepth + (chunk ^ row % 8) * 8;
}

// Brings 8 neighbouring elements of some rows into shared memory, `apart` elements from one row to the next; Width says how many the source
// has side by side for certain, 8 or 1.
template <int Width, int Rows, typename T, typename Source>
DEVICE void load_eights(T* to, int apart, const Source& source, const typename Source::Row (&row)[Rows],
                        const typename Source::Place& place, int k, int depth)
{
    if constexpr (Width == 8) {
#pragma unroll
        for (int r = 0; r < Rows; r++) {
            const Found<T> from = source.at(row[r], place);
            cp_async16(to + r * apart, from.at, from.inside && k < depth);
        }
    } else {
        Pack<T> pack[Rows];
        typename Source::Place element = place;
#pragma unroll
        for (int i = 0; i < 8; i++) {
#pragma unroll
            for (int r = 0; r < Rows; r++) {
                const Found<T> from = source.at(row[r], element);
                pack[r].v[i] = from.inside && k + i < depth ? *from.at : from_float<T>(0.0f);
            }
            source.step(element, k + i + 1);
        }
#pragma unroll
        for (int r = 0; r < Rows; r++)
            store_pack(to + r * apart, pack[r]);
    }
}

// Which four warps of the block this one is among; the same in all lanes, and the compiler is to know it.
DEVICE int group_of_warps()
{
    return __shfl_sync(0xffffffffu, (int)threadIdx.x / 128, 0);
}

// A thread's sums of a tile, and where they belong: d[i][j] are those of mma.m16n8k16 at rows row() + 16 i, columns column() + 8 j.
template <typename Shape> struct TileSums {
    static constexpr int tiles_m = Shape::m / Shape::warps_m / 16, tiles_n = Shape::n / Shape::warps_n / 8;
    float d[tiles_m][tiles_n][4];

    DEVICE_MEMBER void clear()
    {
#pragma unroll
        for (int i = 0; i < tiles_m * tiles_n * 4; i++)
            d[i / 4 / tiles_n][i / 4 % tiles_n][i % 4] = 0.0f;
    }

    DEVICE_MEMBER int row() const
    {
        return threadIdx.x / 32 % Shape::warps_m * tiles_m * 16;
    }
    DEVICE_MEMBER int column() const
    {
        return threadIdx.x / 32 / Shape::warps_m * tiles_n * 8;
    }

    // Adds the product of a stage's rows by mma.sync.
    template <typename T> DEVICE_MEMBER void add(const T* a_rows, const T* b_rows)
    {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int k = 0; k < TileDepth; k += 16) {
            unsigned a[tiles_m][4];
#pragma unroll
            for (int i = 0; i < tiles_m; i++)
                ldmatrix_x4(a[i], a_rows + swizzled(row() + i * 16 + lane % 16, k / 8 + lane / 16));
#pragma unroll
            for (int j = 0; j < tiles_n; j += 2) {
                unsigned b[4]; // two tiles of eight columns
                ldmatrix_x4(b, b_rows + swizzled(column() + j * 8 + lane % 8 + lane / 16 * 8, k / 8 + lane / 8 % 2));
                const unsigned b0[2] = {b[0], b[1]}, b1[2] = {b[2], b[3]};
#pragma unroll
                for (int i = 0; i < tiles_m; i++) {
                    mma(d[i][j], a[i], b0, T{});
                    mma(d[i][j + 1], a[i], b1, T{});
                }
            }
        }
    }

#if defined(HAS_WARPGROUP_PRODUCTS)
    // Begins to add the product of a stage's rows by wgmma.
    template <typename T> DEVICE_MEMBER void begin(SharedTile a_rows, SharedTile b_rows, T type)
    {
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < TileDepth; k += 16)
            wgmma(d[0], a_rows + k * 2, b_rows + k * 2, type);
        wgmma_commit();
    }
#endif

    // Lays the sums out as rows of `stride` floats.
    DEVICE_MEMBER void store(float* tile, int stride) const
    {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int i = 0; i < tiles_m; i++) {
#pragma unroll
            for (int j = 0; j < tiles_n; j++) {
                float* at = tile + (row() + i * 16 + lane / 4) * stride + column() + j * 8 + lane % 4 * 2;
                *reinterpret_cast<float2*>(at) = make_float2(d[i][j][0], d[i][j][1]);
                *reinterpret_cast<float2*>(at + 8 * stride) = make_float2(d[i][j][2], d[i][j][3]);
            }
        }
    }
};

// The sums of one tile, or of one part of its depth. Shared memory: stages * (m + n) * TileDepth elements.
template <typename Shape, int Width, typename T, typename Source, typename Weight>
DEVICE void add_up(TileSums<Shape>& sums, T* shared, const Source& source, const Weight& weight, int columns, int activation, int m0,
                   int n0, int part, int parts)
{
    constexpr int Lines = Shape::threads / 8; // at once: eight threads bring the 64 elements of a row
    constexpr int RowsA = Shape::m / Lines, RowsB = (Shape::n + Lines - 1) / Lines, StageSize = (Shape::m + Shape::n) * TileDepth;
    static_assert(Shape::m % Lines == 0 && Lines % 8 == 0, "a tile its threads divide");
    // How many stages are under way while one is worked on. By wgmma the products of the stage before are, too: its place is not free yet.
    constexpr int Ahead = Shape::stages - (Shape::by_warpgroups ? 2 : 1);
    const int line = threadIdx.x / 8, chunk = threadIdx.x % 8;

    typename Source::Row row[RowsA];
    for (int i = 0; i < RowsA; i++)
        row[i] = source.row(m0 + line + i * Lines);
    unsigned weights[RowsB], own_columns = 0; // places of the columns' rows in bytes; a bit for each that there is
    const auto find_rows = [&](int k) {
        for (int i = 0; i < RowsB; i++) {
            const int n = n0 + line + i * Lines;
            const bool inside = n < columns && line + i * Lines < Shape::n;
            weights[i] = inside ? weight.row(weight_row(n, columns, activation), k) : 0;
            own_columns |= (unsigned)inside << i;
        }
    };

    const int all = (weight.depth + TileDepth - 1) / TileDepth, first = (int)((long long)all * part / parts);
    const int own_steps = (int)((long long)all * (part + 1) / parts) - first;
    // An empty part does a step of zeros: a test before the first product would make ptxas serialise those by wgmma.
    const int steps = max(1, own_steps);
    int k = own_steps > 0 ? first * TileDepth + chunk * 8 : all * TileDepth, filled = 0;
    find_rows(k);
    const char* from = weight.place(k);
    typename Source::Place place = source.place(k);
    T* const own = shared + swizzled(line, chunk);
    const auto load = [&] {
        T* const a = own + filled * StageSize;
        T* const b = a + Shape::m * TileDepth;
        load_eights<Width>(a, Lines * TileDepth, source, row, place, k, weight.depth);
        const unsigned inside = k < weight.depth ? own_columns : 0; // the row's own padding makes its last eight whole
#pragma unroll
        for (int i = 0; i < RowsB; i++) {
            if (Shape::n % Lines != 0 && line + i * Lines >= Shape::n) break;
            cp_async16(b + i * Lines * TileDepth, from + weights[i], (inside >> i & 1) != 0);
        }
        k += TileDepth;
        if (weight.next(from, k)) find_rows(k);
        source.next(place, k);
        filled = filled + 1 == Shape::stages ? 0 : filled + 1;
    };

    for (int step = 0; step < Ahead; step++) {
        if (step < steps) load();
        cp_async_commit();
    }
    sums.clear();
#if defined(HAS_WARPGROUP_PRODUCTS)
    const SharedTile b_tile = shared_tile(shared) + Shape::m * TileDepth * 2,
                     a_tile = shared_tile(shared) + group_of_warps() * 64 * TileDepth * 2;
#endif
    int used = 0, step = 0;
    do {
        const int place_of_stage = used * StageSize;
        used = used + 1 == Shape::stages ? 0 : used + 1;
        cp_async_wait<Ahead - 1>();
        // The barrier: this stage has come for everyone, and everyone is done with the one that is filled next. An empty group is closed,
        // too: the wait counts groups.
#if defined(HAS_WARPGROUP_PRODUCTS)
        if constexpr (Shape::by_warpgroups) {
            fence_shared_for_products();
            __syncthreads();
            sums.begin(a_tile + place_of_stage * 2, b_tile + place_of_stage * 2, T{});
            if (step + Ahead < steps) load();
            cp_async_commit();
            wgmma_wait<1>();
        }
#endif
        if constexpr (!Shape::by_warpgroups) {
            __syncthreads();
            if (step + Ahead < steps) load();
            cp_async_commit();
            sums.add(shared + place_of_stage, shared + place_of_stage + Shape::m * TileDepth);
        }
    } while (++step < steps);
#if defined(HAS_WARPGROUP_PRODUCTS)
    if constexpr (Shape::by_warpgroups) wgmma_wait<0>();
#endif
    cp_async_wait<0>();
}

// Writes this block's part of a tile down; true for the last block of the tile, which finds all parts written.
template <typename Shape> DEVICE bool is_last_part(const float* tile, int stride, const Split& split, int number, int part)
{
    __shared__ int last;
    float* own = split.partial + ((size_t)number * split.parts + part) * Shape::m * Shape::n;
    for (int i = threadIdx.x * 4; i < Shape::m * Shape::n; i += Shape::threads * 4)
        *reinterpret_cast<float4*>(own + i) = *reinterpret_cast<const float4*>(tile + i / Shape::n * stride + i % Shape::n);
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last = atomicAdd(split.arrived + number, 1) == split.parts - 1;
        if (last) split.arrived[number] = 0; // for the next launch
    }
    __syncthreads();
    __threadfence();
    return last != 0;
}

// The sums of a tile, each added from its parts in their order.
struct PartSums {
    const float* first;
    int parts;
    size_t apart;

    DEVICE_MEMBER float one(int i) const
    {
        float sum = first[i];
        for (int p = 1; p < parts; p++)
            sum += first[p * apart + i];
        return sum;
    }

    DEVICE_MEMBER void four(float* to, int i) const
    {
        float4 sum = *reinterpret_cast<const float4*>(first + i);
#pragma unroll 4
        for (int p = 1; p < parts; p++) {
            const float4 more = *reinterpret_cast<const float4*>(first + p * apart + i);
            sum = make_float4(sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w);
        }
        to[0] = sum.x;
        to[1] = sum.y;
        to[2] = sum.z;
        to[3] = sum.w;
    }
};

// The total of the lanes of a column, of which there is one for each of four rows.
DEVICE float over_rows(float value)
{
    value += __shfl_xor_sync(0xffffffffu, value, 8);
    return value + __shfl_xor_sync(0xffffffffu, value, 16);
}

// Writes down the moments of each column of a tile of stored results: a warp takes eight columns at a time and four of their rows, which
// lie in all banks once.
template <typename Shape, typename T> DEVICE void store_moments(const Epilogue<T>& epilogue, const float* tile, int stride, int m0, int n0)
{
    constexpr int Parts = Shape::m / LeastMomentRows, Rows = LeastMomentRows / 4; // rows of a lane
    static_assert(Parts == 1 || Parts == 2, "moments of a tile or of its halves");
    const int lane = threadIdx.x % 32;
    const bool joins = Parts == 2 && epilogue.moment_rows == Shape::m;
#pragma unroll 1
    for (int n = threadIdx.x / 32 * 8 + lane % 8; n < Shape::n; n += Shape::threads / 4) {
        float2 first, last;
#pragma unroll 1 // registers
        for (int p = 0; p < Parts; p++) {
            // Told from one of them, values cost no digits where their mean is large beside the deviation.
            const float* const column = tile + p * LeastMomentRows * stride + n;
            const float pivot = column[0];
            float apart[Rows], sum = 0.0f, squares = 0.0f;
#pragma unroll
            for (int i = 0; i < Rows; i++) {
                apart[i] = column[(i * 4 + lane / 8) * stride] - pivot;
                sum += apart[i];
            }
            const float mean = over_rows(sum) * (1.0f / LeastMomentRows);
#pragma unroll
            for (int i = 0; i < Rows; i++)
                squares += (apart[i] - mean) * (apart[i] - mean);
            last = make_float2(pivot + mean, over_rows(squares));
            if (p == 0) first = last;
        }
        if (lane >= 8 || n0 + n >= epilogue.columns) continue;
        const int phases = epilogue.doubled_width > 0 ? Phases : 1;
        float2* const to = epilogue.moments + ((size_t)(m0 / epilogue.moment_rows) * phases + epilogue.phase) * epilogue.columns + n0 + n;
        if (joins) {
            const float half = 0.5f * (last.x - first.x);
            *to = make_float2(first.x + half, first.y + last.y + Shape::m * half * half);
        } else {
            *to = first;
            if (Parts == 2 && m0 + LeastMomentRows < epilogue.rows) to[phases * epilogue.columns] = last;
        }
    }
}

// One tile through the epilogue. Shared memory: what add_up wants, and m * (n + 8) floats in the same place.
template <typename T, typename Shape, int Width, typename Source, typename Weight>
DEVICE void half_product(T* shared, const Source& source, const Weight& weight, const Epilogue<T>& epilogue, int m0, int n0,
                         const Split& split = {nullptr, nullptr, 1}, int number = 0, int part = 0)
{
    constexpr int Stride = Shape::n + 8; // of the tile's rows in shared memory: four rows of a fragment take all banks once
    float* const tile = reinterpret_cast<float*>(shared);
    TileSums<Shape> sums;
    add_up<Shape, Width>(sums, shared, source, weight, epilogue.columns, epilogue.activation, m0, n0, part, split.parts);
    __syncthreads(); // everyone is done with the stages
    sums.store(tile, Stride);
    __syncthreads();

    const float* from = tile;
    int stride = Stride, parts = 1;
    if (split.parts > 1) {
        if (!is_last_part<Shape>(tile, Stride, split, number, part)) return;
        from = split.partial + (size_t)number * split.parts * Shape::m * Shape::n;
        stride = Shape::n;
        parts = split.parts;
    }
    const PartSums sums_of{from, parts, (size_t)Shape::m * Shape::n};
    const EightColumns<T> finish(epilogue);
    const bool keeps = epilogue.moments != nullptr; // the results, in place of their sums
    if (!finish.packed) {
#pragma unroll 1
        for (int i = threadIdx.x; i < Shape::m * Shape::n / 2; i += Shape::threads) {
            const int row = i / (Shape::n / 2), column = i % (Shape::n / 2) * 2;
            const int at = row * stride + column;
            float first = sums_of.one(at), second = sums_of.one(at + 1);
            store_pair(epilogue, m0 + row, n0 + column, first, second);
            if (keeps) *reinterpret_cast<float2*>(tile + row * Stride + column) = make_float2(first, second);
        }
    } else {
        // Eights of the result, a row's side by side; what they need from memory is asked for two ahead.
        const int wide = epilogue.activation == Geglu ? 2 : 1; // sums for one element of the result
        const auto before = [&](int i) {
            return finish.before(m0 + i / (Shape::n / 8), n0 + i % (Shape::n / 8) * 8, i < Shape::m * Shape::n / 8);
        };
        const int step = Shape::threads * wide;
        int i = threadIdx.x * wide;
        typename EightColumns<T>::Before own = before(i), next = before(i + step);
#pragma unroll 1
        for (; i < Shape::m * Shape::n / 8; i += step) {
            const typename EightColumns<T>::Before after = before(i + 2 * step);
            const int row = i / (Shape::n / 8), column = i % (Shape::n / 8) * 8;
            float sum[16] = {};
            sums_of.four(sum, row * stride + column);
            sums_of.four(sum + 4, row * stride + column + 4);
            if (wide == 2) {
                sums_of.four(sum + 8, row * stride + column + 8);
                sums_of.four(sum + 12, row * stride + column + 12);
            }
            finish.store(sum, m0 + row, n0 + column, own, keeps ? tile + row * Stride + column : nullptr);
            own = next;
            next = after;
        }
    }
    if (keeps) {
        __syncthreads();
        store_moments<Shape>(epilogue, tile, Stride, m0, n0);
    }
}

constexpr int FloatTile = 64, FloatDepth = 16; // 64 x 64 sums, 256 threads, four by four a thread

template <typename Source, typename Weight>
DEVICE void float_product(const Source& source, const Weight& weight, const Epilogue<float>& epilogue, int m0, int n0)
{
    __shared__ float a[FloatDepth][FloatTile + 4], b[FloatDepth][FloatTile + 4];
    // Threads 4 r ... 4 r + 3 bring row r, four elements each.
    const int line = threadIdx.x / 4, part = threadIdx.x % 4 * 4;
    const auto row = source.row(m0 + line);
    const int n = n0 + line;
    const bool inside = n < epilogue.columns;
    const int of_weight = inside ? weight_row(n, epilogue.columns, epilogue.activation) : 0;
    const int m_own = threadIdx.x / 16 * 4, n_own = threadIdx.x % 16 * 4;

    float sum[4][4] = {};
    for (int k0 = 0; k0 < weight.depth; k0 += FloatDepth) {
        __syncthreads();
        for (int i = part; i < part + 4; i++) {
            const int k = k0 + i;
            const Found<float> from = source.at(row, source.place(k));
            a[i][line] = from.inside && k < weight.depth ? *from.at : 0.0f;
            b[i][line] = inside && k < weight.depth ? *reinterpret_cast<const float*>(weight.place(k) + weight.row(of_weight, k)) : 0.0f;
        }
        __syncthreads();
        for (int k = 0; k < FloatDepth; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sum[i][j] += a[k][m_own + i] * b[k][n_own + j];
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        store_pair(epilogue, m0 + m_own + i, n0 + n_own, sum[i][0], sum[i][1]);
        store_pair(epilogue, m0 + m_own + i, n0 + n_own + 2, sum[i][2], sum[i][3]);
    }
    if (epilogue.moments == nullptr) return;
    // The moments of each thread's four rows, in place of the stages, and of all sixteen fours.
    __syncthreads();
#pragma unroll
    for (int j = 0; j < 4; j++) {
        const float pivot = sum[0][j], mean = ((sum[1][j] - pivot) + (sum[2][j] - pivot) + (sum[3][j] - pivot)) * 0.25f;
        float squares = 0.0f;
#pragma unroll
        for (int i = 0; i < 4; i++)
            squares += (sum[i][j] - pivot - mean) * (sum[i][j] - pivot - mean);
        a[m_own / 4][n_own + j] = pivot + mean;
        b[m_own / 4][n_own + j] = squares;
    }
    __syncthreads();
    const int own = threadIdx.x;
    if (own >= FloatTile || n0 + own >= epilogue.columns) return;
    const float pivot = a[0][own];
    float mean = 0.0f, squares = 0.0f;
    for (int i = 1; i < FloatTile / 4; i++)
        mean += (a[i][own] - pivot) * (4.0f / FloatTile);
    for (int i = 0; i < FloatTile / 4; i++)
        squares += b[i][own] + 4.0f * (a[i][own] - pivot - mean) * (a[i][own] - pivot - mean);
    const size_t tile = (size_t)(m0 / FloatTile) * (epilogue.doubled_width > 0 ? Phases : 1) + epilogue.phase;
    epilogue.moments[tile * epilogue.columns + n0 + own] = make_float2(pivot + mean, squares);
}

// The tiles. TILE(name, T, shape, width) exports one kernel.
using Warp64x64 = WarpTile<64, 64, 2, 2, 3>;
using Warp128x80 = WarpTile<128, 80, 4, 1, 3>;
using Warp128x160 = WarpTile<128, 160, 4, 2, 4>;
using Group64x64 = WarpgroupTile<64, 64, 4>;
using Group64x80 = WarpgroupTile<64, 80, 4>;
using Group64x160 = WarpgroupTile<64, 160, 4>;
using Group128x128 = WarpgroupTile<128, 128, 4>;
using Group128x160 = WarpgroupTile<128, 160, 4>;
// An architecture has the tiles that ProductPlan chooses among on it, and no others to be compiled; the emulated device has all.
#if defined(HAS_WARPGROUP_PRODUCTS)
#define FOR_EACH_WARPGROUP_TILE(TILE, name, T)                                                                                             \
    TILE(name##_g64x64, T, Group64x64, 8)                                                                                                  \
    TILE(name##_g64x80, T, Group64x80, 8)                                                                                                  \
    TILE(name##_g64x160, T, Group64x160, 8)                                                                                                \
    TILE(name##_g128x128, T, Group128x128, 8)                                                                                              \
    TILE(name##_g128x160, T, Group128x160, 8)
#else
#define FOR_EACH_WARPGROUP_TILE(TILE, name, T)
#endif
#if !defined(HAS_WARPGROUP_PRODUCTS) || defined(ATK_EMULATED)
#define FOR_EACH_WARP_TILE(TILE, name, T)                                                                                                  \
    TILE(name##_64x64, T, Warp64x64, 8)                                                                                                    \
    TILE(name##_128x80, T, Warp128x80, 8)                                                                                                  \
    TILE(name##_128x160, T, Warp128x160, 8)
#else
#define FOR_EACH_WARP_TILE(TILE, name, T)
#endif
#define FOR_EACH_TILE(TILE, name, T)                                                                                                       \
    TILE(name##_any, T, Warp64x64, 1)                                                                                                      \
    FOR_EACH_WARP_TILE(TILE, name, T)                                                                                                      \
    FOR_EACH_WARPGROUP_TILE(TILE, name, T)
