using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace AudioToken.Tensors;

/// <summary>What each operation of <see cref="ITensorOps"/> accepts, and the shape of what it returns: the one place for both, used by every backend.</summary>
/// <remarks>Each method throws a <see cref="ShapeException"/> that names the operation and both sides, and allocates nothing otherwise.</remarks>
public static class ResultShape
{
    /// <summary>Largest number of terms of a sum and of parts of a concatenation.</summary>
    public const int MaxParts = 8;

    /// <summary>Largest number of sums that <see cref="ITensorOps.Advance"/> takes.</summary>
    public const int MaxSums = 9;

    /// <summary>Floats, and a byte for each.</summary>
    public static void RequirePixels(Tensor x, int room)
    {
        if (x.IsEmpty || !x.DType.IsFloat())
            throw new ShapeException($"ReadPixels: {x}, wanted a float tensor.");
        if (room != x.Shape.Count)
            throw new ShapeException($"ReadPixels: room for {room} bytes, but the tensor is {x.Shape}, {x.Shape.Count} values.");
    }

    /// <summary>Samples to [1, F, filters].</summary>
    public static Shape LogMel(int samples, LogMelForm form)
    {
        if (form.FrameLength < 1 || form.FrameShift < 1 || form.TransformSize < 4 || !BitOperations.IsPow2(form.TransformSize) || form.TransformSize < form.FrameLength)
            Throw($"LogMel: frames of {form.FrameLength} samples, {form.FrameShift} apart, in a transform of {form.TransformSize}; it is a power of two, at least 4 and no less than a frame.");
        foreach (MelFilter filter in form.Filters)
        {
            if (filter.FirstBin < 0 || filter.FirstBin > form.TransformSize / 2 - filter.Weights.Length)
                Throw($"LogMel: a filter has {filter.Weights.Length} weights from bin {filter.FirstBin}; there are {form.TransformSize / 2} bins.");
        }

        if (samples < form.FrameLength)
            Throw($"LogMel: {samples} samples; one frame needs {form.FrameLength}.");
        return [1, 1 + (samples - form.FrameLength) / form.FrameShift, form.Filters.Count];
    }

    /// <summary>[..., K] to [..., N].</summary>
    public static Shape Linear(Tensor x, Weight weight, in Epilogue epilogue)
    {
        Role(nameof(Linear), weight, WeightRole.Linear, 2);
        Floats(nameof(Linear), x, "x");
        if (x.Shape.Rank < 1 || x.Shape[^1] != weight.Shape[1])
            Throw($"Linear: x is {x.Shape}, {weight.Name} is {weight.Shape}; their last extents agree.");
        return WithEpilogue(nameof(Linear), x.Shape.WithLast(weight.Shape[0]), epilogue, gegluFits: true);
    }

    /// <summary>Two layers of which the second takes what the first one gives.</summary>
    public static void Prepare(in LinearChain chain)
    {
        (Weight first, Weight second) = (chain.First.Weight, chain.Second.Weight);
        Role(nameof(LinearChain), first, WeightRole.Linear, 2);
        Role(nameof(LinearChain), second, WeightRole.Linear, 2);
        if (second.Shape[1] != first.Shape[0])
            Throw($"LinearChain: {first.Name} is {first.Shape}, {second.Name} behind it {second.Shape}; it wants [N, {first.Shape[0]}].");
        if (chain.First.Bias is { } firstBias)
            Vector(nameof(LinearChain), firstBias, first.Shape[0]);
        if (chain.Second.Bias is { } secondBias)
            Vector(nameof(LinearChain), secondBias, second.Shape[0]);
    }

    /// <summary>[..., K] and [..., M] to [..., N].</summary>
    public static Shape LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        Prepare(chain);
        Shape hidden = Linear(x, chain.First.Weight, default);
        Floats(nameof(LinearChain), residual, "the residual");
        if (residual.Shape != hidden)
            Throw($"LinearChain: the residual is {residual.Shape}; it wants {hidden}, as {chain.First.Weight.Name} makes of x {x.Shape}.");
        if (epilogue.Bias is not null)
            Throw($"LinearChain: the epilogue has a bias, {epilogue.Bias.Name}; the second layer's is in the chain.");
        return WithEpilogue(nameof(LinearChain), hidden.WithLast(chain.Second.Weight.Shape[0]), epilogue, gegluFits: false);
    }

    /// <summary>[B, H, W, C] to [B, H', W', N].</summary>
    public static Shape Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip)
    {
        Role(nameof(Conv2d), weight, WeightRole.Conv2d, 4);
        Rank(nameof(Conv2d), x, "x", 4);
        int channels = WithSkip(nameof(Conv2d), x, skip);
        if (channels != weight.Shape[1])
            Throw($"Conv2d: the input has {channels} channels, {weight.Name} {weight.Shape} wants {weight.Shape[1]}.");
        if ((geometry.UpsampleHeight > 0) != (geometry.UpsampleWidth > 0) || geometry.UpsampleHeight < 0)
            Throw($"Conv2d: enlargement to {geometry.UpsampleHeight} x {geometry.UpsampleWidth}; both sides or neither.");
        (int h, int w) = geometry.OutputSize(x.Shape[1], x.Shape[2], weight.Shape[2], weight.Shape[3]);
        return WithEpilogue(nameof(Conv2d), [x.Shape[0], h, w, weight.Shape[0]], epilogue, gegluFits: false);
    }

    /// <summary>[B, H, W, C] to [B, H, W, N].</summary>
    public static Shape Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        Shape result = Conv2d(x, weight, geometry, epilogue, skip: default);
        if (geometry.Stride != 1 || geometry.UpsampleHeight > 0 || result != x.Shape.WithLast(result[3]))
            Throw($"Conv2dWithShortcut: x is {x.Shape}, the result {result}; the convolution keeps height and width.");
        if (epilogue.Activation != Activation.None || epilogue.EffectiveScale != 1 || !epilogue.Residual.IsEmpty)
            Throw("Conv2dWithShortcut: the epilogue has an activation, a scale or a residual; it wants bias and channel shift alone.");
        Role("the shortcut of Conv2dWithShortcut", shortcut.Weight, WeightRole.Conv2d, 4);
        Shape residual = Conv2d(shortcut.X, shortcut.Weight, new ConvGeometry(stride: 1, padding: 0), new Epilogue(shortcut.Bias), shortcut.Skip);
        if (shortcut.Weight.Shape[2] != 1 || shortcut.Weight.Shape[3] != 1 || residual != result)
            Throw($"Conv2dWithShortcut: {shortcut.Weight.Name} {shortcut.Weight.Shape} makes {residual} of {shortcut.X.Shape}; it wants a 1x1 window and the result's {result}.");
        return result;
    }

    /// <summary>[B, L, C] to [B, L, C].</summary>
    public static Shape GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue)
    {
        Role(nameof(GroupedConv1d), weight, WeightRole.GroupedConv1d, 3);
        Rank(nameof(GroupedConv1d), x, "x", 3);
        int channels = x.Shape[2];
        if (groups < 1 || channels % groups != 0 || weight.Shape[0] != channels || weight.Shape[1] != channels / groups)
            Throw($"GroupedConv1d: x is {x.Shape}, {weight.Name} is {weight.Shape}; {groups} groups want [C, C / {groups}, K].");
        if (padding < 0 || padding >= weight.Shape[2])
            Throw($"GroupedConv1d: padding {padding} does not lie within the {weight.Shape[2]} taps of {weight.Name}.");
        return WithEpilogue(nameof(GroupedConv1d), x.Shape, epilogue, gegluFits: false);
    }

    /// <summary>[B, ..., C] and [B, ..., Cskip] to [B, ..., C + Cskip].</summary>
    public static Shape GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, Activation activation, Tensor skip)
    {
        Floats(nameof(GroupNorm), x, "x");
        if (x.Shape.Rank < 2)
            Throw($"GroupNorm: x is {x.Shape}; it wants [B, ..., C].");
        int channels = WithSkip(nameof(GroupNorm), x, skip);
        Vector(nameof(GroupNorm), gamma, channels);
        Vector(nameof(GroupNorm), beta, channels);
        if (groups < 1 || channels % groups != 0)
            Throw($"GroupNorm: {groups} groups do not divide {channels} channels.");
        if (activation is not (Activation.None or Activation.Silu))
            Throw($"GroupNorm: activation {activation}; None or Silu.");
        return x.Shape.WithLast(channels);
    }

    /// <summary>[..., C] to itself.</summary>
    public static Shape LayerNorm(Tensor x, Weight gamma, Weight beta)
    {
        Floats(nameof(LayerNorm), x, "x");
        if (x.Shape.Rank < 1)
            Throw($"LayerNorm: x is {x.Shape}; it wants [..., C].");
        Vector(nameof(LayerNorm), gamma, x.Shape[^1]);
        Vector(nameof(LayerNorm), beta, x.Shape[^1]);
        return x.Shape;
    }

    /// <summary>[B, Lq, D], twice [B, Lk, D] to [B, Lq, D].</summary>
    public static Shape Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options)
    {
        Rank(nameof(Attention), q, "q", 3);
        Rank(nameof(Attention), k, "k", 3);
        Rank(nameof(Attention), v, "v", 3);
        if (k.Shape != v.Shape || k.Shape[0] != q.Shape[0] || k.Shape[2] != q.Shape[2] || k.Shape[1] < 1)
            Throw($"Attention: q is {q.Shape}, k {k.Shape}, v {v.Shape}; they want [B, Lq, D], [B, Lk, D], [B, Lk, D] with at least one key.");
        if (options.Heads < 1 || q.Shape[2] % options.Heads != 0)
            Throw($"Attention: {options.Heads} heads do not divide {q.Shape[2]} columns.");
        if (!options.Bias.IsEmpty && options.Bias.Shape != new Shape(options.Heads, q.Shape[1], k.Shape[1]))
            Throw($"Attention: the bias is {options.Bias.Shape}; it wants [{options.Heads}, {q.Shape[1]}, {k.Shape[1]}].");
        if (!options.BiasGate.IsEmpty && (options.Bias.IsEmpty || options.BiasGate.Shape != new Shape(q.Shape[0], q.Shape[1], options.Heads)))
            Throw($"Attention: the gate is {options.BiasGate.Shape}; it wants a bias and [{q.Shape[0]}, {q.Shape[1]}, {options.Heads}].");
        return q.Shape;
    }

    /// <summary>Any shape to itself.</summary>
    public static Shape Activate(Tensor x, Activation activation)
    {
        Floats(nameof(Activate), x, "x");
        if (activation is Activation.Geglu or < Activation.None or > Activation.Geglu)
            Throw($"Activate: {activation} is not a function of one element.");
        return x.Shape;
    }

    /// <summary>One to eight tensors of one shape to that shape.</summary>
    public static Shape WeightedSum(ReadOnlySpan<WeightedTensor> terms)
    {
        if (terms.Length is < 1 or > MaxParts)
            Throw($"WeightedSum: {terms.Length} terms; 1 to {MaxParts}.");
        foreach (WeightedTensor term in terms)
        {
            Floats(nameof(WeightedSum), term.Tensor, "a term");
            if (term.Tensor.Shape != terms[0].Tensor.Shape)
                Throw($"WeightedSum: a term is {term.Tensor.Shape}, the first {terms[0].Tensor.Shape}.");
        }

        return terms[0].Tensor.Shape;
    }

    /// <summary>One to <see cref="MaxSums"/> sums of one to eight terms, all of one shape.</summary>
    /// <returns>Columns of the factors: one for each term and one for each sum.</returns>
    public static int Advance(ReadOnlySpan<StepSum> sums, Tensor factors)
    {
        if (sums.Length is < 1 or > MaxSums)
            Throw($"Advance: {sums.Length} sums; 1 to {MaxSums}.");
        int columns = 0;
        foreach (StepSum sum in sums)
        {
            if (sum.Terms.Length is < 1 or > MaxParts)
                Throw($"Advance: a sum has {sum.Terms.Length} terms; 1 to {MaxParts}.");
            if (sum.Target.IsEmpty || sum.Target.DType != DType.F32 || sum.Target.Shape != sums[0].Target.Shape)
                Throw($"Advance: a target is {sum.Target}, wanted F32 of one shape, the first is {sums[0].Target}.");
            foreach (Tensor term in sum.Terms.Span)
            {
                Floats(nameof(Advance), term, "a term");
                if (term.Shape != sum.Target.Shape)
                    Throw($"Advance: a term is {term.Shape}, its target {sum.Target.Shape}.");
            }

            columns += sum.Terms.Length + 1;
        }

        if (factors.IsEmpty || factors.DType != DType.F32 || factors.Shape.Rank != 2 || factors.Shape[1] != columns)
            Throw($"Advance: factors are {factors}, wanted F32 [S, {columns}]: one for each term and a limit for each sum.");
        return columns;
    }

    /// <summary>Floats, and a place for mark, index and value.</summary>
    public static void FirstFault(Tensor x, Tensor fault)
    {
        Floats(nameof(FirstFault), x, "x");
        if (fault.IsEmpty || fault.DType != DType.F32 || fault.Shape.Count != 3)
            Throw($"FirstFault: the fault is {fault}, wanted F32 [3].");
    }

    /// <summary>Equal shapes and types.</summary>
    public static void Assign(Tensor target, Tensor value)
    {
        Floats(nameof(Assign), target, "the target");
        if (value.IsEmpty || value.DType != target.DType || value.Shape != target.Shape)
            Throw($"Assign: the value is {value}, the target {target}.");
    }

    /// <summary>Any shape to itself.</summary>
    public static Shape Clamp(Tensor x, float low, float high)
    {
        Floats(nameof(Clamp), x, "x");
        if (!(low <= high))
            Throw($"Clamp: [{low}, {high}] is not a range.");
        return x.Shape;
    }

    /// <summary>One to eight [..., C_i] to [..., sum of C_i].</summary>
    public static Shape Concat(ReadOnlySpan<Tensor> parts)
    {
        if (parts.Length is < 1 or > MaxParts)
            Throw($"Concat: {parts.Length} parts; 1 to {MaxParts}.");
        int columns = 0;
        foreach (Tensor part in parts)
        {
            Floats(nameof(Concat), part, "a part");
            if (part.Shape.Rank < 1 || part.Shape.Rank != parts[0].Shape.Rank || part.Shape.WithLast(1) != parts[0].Shape.WithLast(1))
                Throw($"Concat: a part is {part.Shape}, the first {parts[0].Shape}; all but the last extent agree.");
            columns = checked(columns + part.Shape[^1]);
        }

        return parts[0].Shape.WithLast(columns);
    }

    /// <summary>[B, ...] to [times * B, ...].</summary>
    public static Shape RepeatBatch(Tensor x, int times)
    {
        Floats(nameof(RepeatBatch), x, "x");
        if (x.Shape.Rank < 1 || times < 1)
            Throw($"RepeatBatch: {x.Shape} {times} times; it wants [B, ...] and at least once.");
        return x.Shape.WithFirst(checked(x.Shape[0] * times));
    }

    /// <summary>[S] to [S, width].</summary>
    public static Shape TimestepEmbedding(Tensor timesteps, int width, float frequencyShift)
    {
        Rank(nameof(TimestepEmbedding), timesteps, "timesteps", 1);
        if (width < 2 || width % 2 != 0 || !(frequencyShift < width / 2))
            Throw($"TimestepEmbedding: width {width}, frequency shift {frequencyShift}; the width is even, the shift less than its half.");
        return [timesteps.Shape[0], width];
    }

    /// <summary>[B, L] to [B, L, D].</summary>
    public static Shape TokenEmbedding(Tensor ids, Weight tokens, Weight positions, Tensor placeholder)
    {
        Role(nameof(TokenEmbedding), tokens, WeightRole.Table, 2);
        Role(nameof(TokenEmbedding), positions, WeightRole.Table, 2);
        if (ids.DType != DType.I32 || ids.Shape.Rank != 2)
            Throw($"TokenEmbedding: the ids are {ids}; they want I32 [B, L].");
        int width = tokens.Shape[1];
        if (positions.Shape[1] != width || positions.Shape[0] < ids.Shape[1])
            Throw($"TokenEmbedding: {positions.Name} is {positions.Shape}; {ids.Shape[1]} tokens want at least [{ids.Shape[1]}, {width}].");
        if (!placeholder.IsEmpty && (placeholder.Shape.Rank is < 2 or > 3 || placeholder.Shape[^1] != width || (placeholder.Shape[0] != 1 && placeholder.Shape[0] != ids.Shape[0])))
            Throw($"TokenEmbedding: the placeholder is {placeholder.Shape}; it wants [{ids.Shape[0]}, P, {width}] or [1, P, {width}], or the same without P.");
        return [ids.Shape[0], ids.Shape[1], width];
    }

    /// <summary>Placeholders of one sample: P of [B, P, D], 1 of [B, D] and where none is given.</summary>
    public static int Placeholders(Tensor placeholder) => !placeholder.IsEmpty && placeholder.Shape.Rank == 3 ? placeholder.Shape[1] : 1;

    /// <summary>The refusal of an id that no row stands for.</summary>
    [DoesNotReturn]
    public static void ThrowUnknownToken(int id, Weight tokens, int placeholderId)
    {
        Throw(id >= 0 && id == placeholderId
            ? $"TokenEmbedding: id {id} is the placeholder, and no vector is given for it."
            : $"TokenEmbedding: id {id} has no row in {tokens.Name}, which has {tokens.Shape[0]}.");
    }

    /// <summary>[2 L - 1] to [heads, L, L].</summary>
    public static Shape RelativePositionBias(Weight table, Tensor buckets)
    {
        Role(nameof(RelativePositionBias), table, WeightRole.Table, 2);
        if (buckets.DType != DType.I32 || buckets.Shape.Rank != 1 || buckets.Shape[0] % 2 == 0)
            Throw($"RelativePositionBias: the buckets are {buckets}; they want I32 [2 L - 1].");
        int length = buckets.Shape[0] / 2 + 1;
        return [table.Shape[1], length, length];
    }

    /// <summary>The refusal of a bucket that no row stands for.</summary>
    [DoesNotReturn]
    public static void ThrowUnknownBucket(int bucket, Weight table) =>
        Throw($"RelativePositionBias: bucket {bucket} has no row in {table.Name}, which has {table.Shape[0]}.");

    /// <summary>[B, L * heads, 8] to [B, L, heads].</summary>
    public static Shape RelativePositionGate(Tensor projected, Weight scale)
    {
        Rank(nameof(RelativePositionGate), projected, "projected", 3);
        long heads = scale.Shape.Count;
        if (scale.Role != WeightRole.Vector || heads < 1 || projected.Shape[2] != 8 || projected.Shape[1] % heads != 0)
            Throw($"RelativePositionGate: projected is {projected.Shape}, {scale.Name} ({scale.Role}) {scale.Shape}; they want [B, L * heads, 8] and a Vector of heads.");
        return [projected.Shape[0], (int)(projected.Shape[1] / heads), (int)heads];
    }

    /// <summary>Twice [B, L, D] to [B, L, 1].</summary>
    public static Shape MeanCosine(Tensor x, Tensor y)
    {
        Rank(nameof(MeanCosine), x, "x", 3);
        Rank(nameof(MeanCosine), y, "y", 3);
        if (x.Shape != y.Shape)
            Throw($"MeanCosine: x is {x.Shape}, y {y.Shape}; they agree.");
        return x.Shape.WithLast(1);
    }

    /// <summary>[B, L, D] and [B, L, 1] to [B, D].</summary>
    public static Shape AttentionPool(Tensor values, Tensor scores)
    {
        Rank(nameof(AttentionPool), values, "values", 3);
        Rank(nameof(AttentionPool), scores, "scores", 3);
        if (scores.Shape != values.Shape.WithLast(1) || values.Shape[1] < 1)
            Throw($"AttentionPool: values are {values.Shape}, scores {scores.Shape}; they want [B, L, D] and [B, L, 1] with L at least 1.");
        return [values.Shape[0], values.Shape[2]];
    }

    /// <summary>Checks an epilogue against the sums [samples, ..., N] and returns the shape of the result.</summary>
    public static Shape WithEpilogue(string operation, Shape sums, in Epilogue epilogue, bool gegluFits)
    {
        int columns = sums[^1];
        if (epilogue.Bias is not null)
            Vector(operation, epilogue.Bias, columns);
        (Tensor shift, int samples) = (epilogue.ChannelShift, sums.Rank > 1 ? sums[0] : 1);
        if (!shift.IsEmpty && shift.Shape != new Shape(1, columns) && shift.Shape != new Shape(samples, columns))
            Throw($"{operation}: the channel shift is {shift.Shape}; it wants [{samples}, {columns}] or [1, {columns}].");
        Shape result = sums;
        if (epilogue.Activation == Activation.Geglu)
        {
            if (!gegluFits || columns % 2 != 0)
                Throw($"{operation}: Geglu goes with Linear and an even number of columns, found {columns}.");
            result = sums.WithLast(columns / 2);
        }

        // The same memory under another shape is welcome: a feature map is a sequence.
        if (!epilogue.Residual.IsEmpty && (epilogue.Residual.Shape.Count != result.Count || epilogue.Residual.Shape[^1] != result[^1]))
            Throw($"{operation}: the residual is {epilogue.Residual.Shape}, the result {result}.");
        return result;
    }

    private static int WithSkip(string operation, Tensor x, Tensor skip)
    {
        if (skip.IsEmpty)
            return x.Shape[^1];
        Floats(operation, skip, "skip");
        if (skip.Shape.Rank != x.Shape.Rank || skip.Shape.WithLast(1) != x.Shape.WithLast(1))
            Throw($"{operation}: x is {x.Shape}, skip {skip.Shape}; all but the last extent agree.");
        return checked(x.Shape[^1] + skip.Shape[^1]);
    }

    private static void Vector(string operation, Weight weight, int channels)
    {
        if (weight.Role != WeightRole.Vector || weight.Shape.Count != channels)
            Throw($"{operation}: {weight.Name} is a {weight.Role} {weight.Shape}; it wants a Vector [{channels}].");
    }

    private static void Role(string operation, Weight weight, WeightRole role, int rank)
    {
        if (weight.Role != role || weight.Shape.Rank != rank)
            Throw($"{operation}: {weight.Name} is a {weight.Role} {weight.Shape}; it wants a {role} of rank {rank}.");
    }

    private static void Rank(string operation, Tensor tensor, string name, int rank)
    {
        Floats(operation, tensor, name);
        if (tensor.Shape.Rank != rank)
            Throw($"{operation}: {name} is {tensor.Shape}; it wants rank {rank}.");
    }

    private static void Floats(string operation, Tensor tensor, string name)
    {
        if (tensor.IsEmpty || tensor.DType == DType.I32)
            Throw($"{operation}: {name} is {tensor}; it wants a float tensor.");
    }

    [DoesNotReturn]
    private static void Throw(string message) => throw new ShapeException(message);
}
