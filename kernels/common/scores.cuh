// scores.cuh: the operands of an attention, and what becomes of a product of query and key before the softmax.
//   score[b,h,i,j] = scale * q[b,i,h] . k[b,j,h] + gate[b,i,h] * bias[h,i,j], and no score at all where j > i under a causal mask
#pragma once
#include "common/dtype.cuh"

constexpr float NoScore = -1e30f; // below any score; minus infinity would make NaN of a difference

template <typename T> struct Attention {
    T* y;          // [B, queries, heads * width]
    const T* q;    // as y
    const T* k;    // [B, keys, heads * width]
    const T* v;    // as k
    const T* bias; // [heads, queries, keys] or null
    const T* gate; // [B, queries, heads] or null
    int queries, keys, heads, width;
    int causal;
    float scale;
};

// The added part of the scores of one row.
template <typename T> struct RowBias {
    const T* bias; // of this row; null for none
    float gate;

    DEVICE_MEMBER RowBias(const Attention<T>& a, int b, int head, int i) : bias(nullptr), gate(1.0f)
    {
        if (a.bias == nullptr || i >= a.queries) return;
        bias = a.bias + ((size_t)head * a.queries + i) * a.keys;
        if (a.gate != nullptr) gate = to_float(a.gate[((size_t)b * a.queries + i) * a.heads + head]);
    }

    DEVICE_MEMBER float at(int j) const { return bias == nullptr ? 0.0f : gate * to_float(bias[j]); }
};
