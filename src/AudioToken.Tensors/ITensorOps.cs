using System.Buffers;

namespace AudioToken.Tensors;

/// <summary>The operations from which every model is built; one implementation a backend.</summary>
/// <remarks>
/// <para>Functional: inputs in, a new tensor out, which the innermost open <see cref="Scope"/> owns. Inputs are never changed, but for the state of a
/// loop: <see cref="Assign"/>, and with it <see cref="Advance"/> and <see cref="FirstFault"/>, give a tensor new values at its place.</para>
/// <para>Channels last: feature maps are [B, H, W, C], sequences [B, L, C]; both are the same memory. Fusion is part of the
/// vocabulary (<see cref="Epilogue"/>, two-source convolutions and norms); a backend may run a fused form as one kernel, its meaning is
/// the plain formula. Storage may be half precision; sums, statistics and softmax are fp32 or better.</para>
/// <para>A shape, type or owner that does not fit is a <see cref="ShapeException"/> that names the operation and both sides.
/// Not safe for concurrent calls: one thread drives one instance.</para>
/// </remarks>
public interface ITensorOps : IDisposable
{
    /// <summary>Name of the device, e.g. <c>cpu</c>.</summary>
    string Device { get; }

    /// <summary>True if operations come back before the device has done them, so that a download waits for all that was asked before.</summary>
    bool IsAsynchronous => false;

    /// <summary>Opens a scope that owns what is made until it closes.</summary>
    TensorScope Scope();

    /// <summary>Copies values to the device.</summary>
    /// <exception cref="ShapeException">Count and shape differ.</exception>
    Tensor Upload(ReadOnlySpan<float> values, Shape shape);

    /// <summary>Copies indices to the device, as I32.</summary>
    Tensor Upload(ReadOnlySpan<int> values, Shape shape);

    /// <summary>Copies a float tensor to the host and waits for it.</summary>
    void Download(Tensor tensor, Span<float> destination);

    /// <summary>Copies a picture to the host as bytes (<see cref="Rgb8"/>), waits for it, and looks for NaN and infinity.</summary>
    /// <param name="x">Floats, nominally in [-1, 1], at most 2^31 - 2^16.</param>
    /// <param name="pixels">Room for a byte a value; of no use where a value is not finite.</param>
    /// <returns>Index of the first value that is NaN or infinite, or -1.</returns>
    /// <exception cref="ShapeException">The room does not fit.</exception>
    int ReadPixels(Tensor x, Span<byte> pixels)
    {
        ResultShape.RequirePixels(x, pixels.Length);
        float[] values = ArrayPool<float>.Shared.Rent(pixels.Length);
        Span<float> used = values.AsSpan(0, pixels.Length);
        Download(x, used);
        int fault = NonFinite.FirstIn(used);
        for (int i = 0; i < used.Length && fault < 0; i++)
            pixels[i] = Rgb8.Of(used[i]);
        ArrayPool<float>.Shared.Return(values);
        return fault;
    }

    /// <summary>Gives memory that waits for further tensors back to the system, for less of it held and some time where it is wanted again.</summary>
    void Trim()
    {
    }

    /// <summary>Computes in fp32 what half precision cannot hold: until the result is disposed of, operations make tensors of fp32, on the weights that are loaded.</summary>
    /// <returns>Null where tensors are fp32 anyway.</returns>
    /// <remarks>For a second try: it takes twice the memory for tensors, and is not fast.</remarks>
    IDisposable? Widen() => null;

    /// <summary>Log-mel features of a sound: what its encoder hears.</summary>
    /// <remarks>A backend may compute them where its tensors are, in double as the host does: they then differ from the host's by roundings of fp32.</remarks>
    /// <param name="samples">At least a frame of finite numbers.</param>
    /// <param name="form">The formula.</param>
    /// <returns>[1, F, filters], F the frames that fit whole into the samples.</returns>
    Tensor LogMel(ReadOnlySpan<float> samples, LogMelForm form)
    {
        ArgumentNullException.ThrowIfNull(form);
        float[] features = form.OnHost(samples);
        return Upload(features, ResultShape.LogMel(samples.Length, form));
    }

    /// <summary>Reads a parameter and lays it out for its role. The caller owns it.</summary>
    Weight LoadWeight(WeightSource source, WeightRole role);

    /// <summary>x W^T on the innermost axis, then the epilogue.</summary>
    /// <param name="x">[..., K].</param>
    /// <param name="weight">Role Linear, [N, K].</param>
    /// <param name="epilogue">Its columns are N, or N / 2 after <see cref="Activation.Geglu"/>; samples are the outermost axis of <paramref name="x"/>.</param>
    /// <returns>[..., N].</returns>
    Tensor Linear(Tensor x, Weight weight, in Epilogue epilogue);

    /// <summary>Several products of one input, each with a bias at most: query, key and value of an attention.</summary>
    /// <remarks>What <see cref="Linear"/> of each gives. A backend may do those of one shape in one launch; a decorator that does not
    /// implement it sees each product by itself.</remarks>
    /// <param name="x">[..., K].</param>
    /// <param name="projections">Weights [Ni, K] and their biases.</param>
    /// <param name="results">As many, [..., Ni].</param>
    void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        for (int i = 0; i < projections.Length; i++)
            results[i] = Linear(x, projections[i].Weight, new Epilogue(projections[i].Bias));
    }

    /// <summary>Tells, once its weights are loaded, that <see cref="LinearChain"/> will be asked for. A backend may lay them out anew for it; any other use stays open.</summary>
    /// <exception cref="ShapeException">The layers do not fit each other.</exception>
    void Prepare(in LinearChain chain) => ResultShape.Prepare(chain);

    /// <summary>Two linear layers with a residual between them, then the epilogue.</summary>
    /// <remarks>What <see cref="Linear"/> of each gives. A backend that was told of the layers by <see cref="Prepare"/> may have multiplied their weights and
    /// add both sources up in one launch; a decorator that implements neither sees each layer by itself.</remarks>
    /// <param name="x">[..., K].</param>
    /// <param name="chain">The layers, to N columns.</param>
    /// <param name="residual">What the second layer takes beside the first one's result, [..., M].</param>
    /// <param name="epilogue">Of the second layer, whose bias is the layer's own; no <see cref="Activation.Geglu"/>.</param>
    /// <returns>[..., N].</returns>
    Tensor LinearChain(Tensor x, in LinearChain chain, Tensor residual, in Epilogue epilogue)
    {
        ResultShape.LinearChain(x, chain, residual, epilogue);
        return chain.Apply(this, x, residual, epilogue);
    }

    /// <summary>Two-dimensional convolution (cross-correlation), then the epilogue.</summary>
    /// <param name="x">[B, H, W, C].</param>
    /// <param name="weight">Role Conv2d, [N, C + Cskip, kh, kw].</param>
    /// <param name="geometry">Stride, zero padding, nearest-neighbour enlargement of the input.</param>
    /// <param name="epilogue">Applied to the sums.</param>
    /// <param name="skip">If given: its channels follow those of <paramref name="x"/>, [B, H, W, Cskip].</param>
    /// <returns>[B, H', W', N].</returns>
    Tensor Conv2d(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip = default);

    /// <summary>A convolution that keeps height and width, plus the shortcut around it: the end of a residual block.</summary>
    /// <remarks>What <see cref="Conv2d"/> gives with the shortcut's as its residual. A backend may add both up in one launch; a decorator that does not
    /// implement it sees each convolution by itself.</remarks>
    /// <param name="x">[B, H, W, C].</param>
    /// <param name="weight">Role Conv2d, [N, C, kh, kw].</param>
    /// <param name="geometry">Stride 1 and padding.</param>
    /// <param name="epilogue">Bias and channel shift, and whether a norm follows; nothing else.</param>
    /// <param name="shortcut">Gives [B, H, W, N].</param>
    /// <returns>[B, H, W, N].</returns>
    Tensor Conv2dWithShortcut(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut)
    {
        ResultShape.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut);
        using TensorScope scope = Scope();
        return scope.Keep(Conv2d(x, weight, geometry, epilogue with { Residual = shortcut.Convolve(this) }));
    }

    /// <summary>Grouped one-dimensional convolution of stride 1 that keeps the length: tap k reads position t + k - <paramref name="padding"/>,
    /// zero outside the sequence; then the epilogue.</summary>
    /// <param name="x">[B, L, C].</param>
    /// <param name="weight">Role GroupedConv1d, [C, C / groups, K].</param>
    /// <param name="groups">Number of groups of consecutive channels.</param>
    /// <param name="padding">Zeros before the sequence.</param>
    /// <param name="epilogue">Applied to the sums.</param>
    /// <returns>[B, L, C].</returns>
    Tensor GroupedConv1d(Tensor x, Weight weight, int groups, int padding, in Epilogue epilogue);

    /// <summary>Normalises each group of consecutive channels of each sample over its positions (biased variance), scales and shifts
    /// each channel, then applies the activation. Wu and He 2018.</summary>
    /// <param name="x">[B, ..., C].</param>
    /// <param name="gamma">Vector, [C + Cskip].</param>
    /// <param name="beta">Vector, [C + Cskip].</param>
    /// <param name="groups">Divides C + Cskip; a group may hold channels of both sources.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="activation">None or Silu.</param>
    /// <param name="skip">If given: its channels follow those of <paramref name="x"/>, [B, ..., Cskip].</param>
    /// <returns>[B, ..., C + Cskip].</returns>
    Tensor GroupNorm(Tensor x, Weight gamma, Weight beta, int groups, float epsilon, Activation activation = Activation.None, Tensor skip = default);

    /// <summary>Normalises the innermost axis (biased variance), scales and shifts each channel.</summary>
    /// <param name="x">[..., C].</param>
    /// <param name="gamma">Vector, [C].</param>
    /// <param name="beta">Vector, [C].</param>
    /// <param name="epsilon">Added to the variance.</param>
    Tensor LayerNorm(Tensor x, Weight gamma, Weight beta, float epsilon);

    /// <summary>softmax(scale q k^T + gate * bias) v for each head.</summary>
    /// <param name="q">[B, Lq, D].</param>
    /// <param name="k">[B, Lk, D].</param>
    /// <param name="v">[B, Lk, D].</param>
    /// <param name="options">Heads, scale, mask, bias.</param>
    /// <returns>[B, Lq, D].</returns>
    Tensor Attention(Tensor q, Tensor k, Tensor v, in AttentionOptions options);

    /// <summary>Applies a function to each element (not <see cref="Activation.Geglu"/>).</summary>
    Tensor Activate(Tensor x, Activation activation);

    /// <summary>Sum of x_i * c_i over tensors of one shape; the arithmetic of samplers and guidance.</summary>
    /// <param name="terms">At least one; at most eight.</param>
    Tensor WeightedSum(ReadOnlySpan<WeightedTensor> terms);

    /// <summary>Limits each element to [low, high].</summary>
    Tensor Clamp(Tensor x, float low, float high);

    /// <summary>Joins along the innermost axis; all other extents agree.</summary>
    /// <param name="parts">At least one; at most eight.</param>
    Tensor Concat(ReadOnlySpan<Tensor> parts);

    /// <summary>The samples of x, then the same again, <paramref name="times"/> times in all: [B, ...] to [times * B, ...].</summary>
    Tensor RepeatBatch(Tensor x, int times);

    /// <summary>Sinusoidal embedding of times: frequencies e^(-ln(10000) i / (half - frequencyShift)), i = 0 ... half - 1.</summary>
    /// <param name="timesteps">F32, [S].</param>
    /// <param name="width">Even; half of it cosines, half sines.</param>
    /// <param name="cosineFirst">diffusers' <c>flip_sin_to_cos</c>.</param>
    /// <param name="frequencyShift">diffusers' <c>freq_shift</c>.</param>
    /// <returns>[S, width].</returns>
    Tensor TimestepEmbedding(Tensor timesteps, int width, bool cosineFirst, float frequencyShift);

    /// <summary>Looks tokens up and adds position rows; where the id is <paramref name="placeholderId"/> + p, p in [0, P), the placeholder's
    /// vector p stands in for the table's row.</summary>
    /// <param name="ids">I32, [B, L].</param>
    /// <param name="tokens">Table, [V, D].</param>
    /// <param name="positions">Table, at least [L, D].</param>
    /// <param name="placeholderId">Any id, also one beyond the table; -1 for none.</param>
    /// <param name="placeholder">[B, P, D] or [1, P, D], P at least 1, or [B, D] or [1, D] for P = 1; may be absent if no id is a placeholder.</param>
    /// <returns>[B, L, D].</returns>
    Tensor TokenEmbedding(Tensor ids, Weight tokens, Weight positions, int placeholderId, Tensor placeholder);

    /// <summary>Spreads a relative-position table over all pairs: y[h, i, j] = table[buckets[j - i + L - 1], h].</summary>
    /// <param name="table">Table, [buckets, heads].</param>
    /// <param name="buckets">I32, [2 L - 1]: the row for each distance from -(L - 1) to L - 1.</param>
    /// <returns>[heads, L, L].</returns>
    Tensor RelativePositionBias(Weight table, Tensor buckets);

    /// <summary>The gate of BEATs' relative positions: with a = sigmoid(sum of the first four), b = sigmoid(sum of the last four),
    /// y = a (b scale[h] - 1) + 2.</summary>
    /// <param name="projected">[B, L * heads, 8].</param>
    /// <param name="scale">Vector, [heads].</param>
    /// <returns>[B, L, heads].</returns>
    Tensor RelativePositionGate(Tensor projected, Weight scale);

    /// <summary>Cosine between each row of x and the mean of the normalised rows of y:
    /// s_i = x_i / |x_i| . (1 / L) sum_j y_j / |y_j|, norms at least 1e-12.</summary>
    /// <param name="x">[B, L, D].</param>
    /// <param name="y">[B, L, D].</param>
    /// <returns>[B, L, 1].</returns>
    Tensor MeanCosine(Tensor x, Tensor y);

    /// <summary>Pools a sequence: sum_t softmax(scores)_t values_t.</summary>
    /// <param name="values">[B, L, D].</param>
    /// <param name="scores">[B, L, 1].</param>
    /// <returns>[B, D].</returns>
    Tensor AttentionPool(Tensor values, Tensor scores);

    /// <summary>Prepares what is done at each step of a loop.</summary>
    /// <param name="step">The function; see <see cref="RepeatedStep"/> for what it may do.</param>
    RepeatedStep Repeat(StepFunction step) => new CalledStep(step);

    /// <summary>The rows of tables that belong to a step.</summary>
    /// <param name="tables">Floats of one type, [S, ...] each.</param>
    /// <param name="step">Which row, less than each S.</param>
    /// <param name="rows">As many, [1, ...]; they may look at the tables' memory.</param>
    void SelectRows(ReadOnlySpan<Tensor> tables, StepIndex step, Span<Tensor> rows)
    {
        for (int i = 0; i < tables.Length; i++)
            rows[i] = tables[i].Slice(step.Number, 1);
    }

    /// <summary>Gives a tensor the values of another.</summary>
    /// <param name="target">The tensor; views of its memory see the new values too.</param>
    /// <param name="value">Of its shape and type.</param>
    /// <exception cref="ShapeException">Shape or type differ.</exception>
    void Assign(Tensor target, Tensor value);

    /// <summary>Assigns sums to tensors, one after the other, with the factors of a step: guidance and a sampler's step as one operation.</summary>
    /// <remarks>A sum takes what its terms hold when its turn comes, so it may read what those before it have assigned. A term whose factor is 0 is not
    /// read; a target all of whose terms have the factor 0 stays as it is.</remarks>
    /// <param name="sums">One to <see cref="ResultShape.MaxSums"/>, all of one shape.</param>
    /// <param name="factors">F32, [S, columns]: for each sum in turn the factors of its terms, then the largest magnitude of its values, which are
    /// limited to it; infinite for none.</param>
    /// <param name="step">Which row of the factors, less than S.</param>
    void Advance(ReadOnlySpan<StepSum> sums, Tensor factors, StepIndex step)
    {
        Span<float> row = stackalloc float[ResultShape.Advance(sums, factors)];
        Download(factors.Slice(step.Number, 1), row);
        WeightedTensor[] terms = ArrayPool<WeightedTensor>.Shared.Rent(ResultShape.MaxParts);
        foreach (StepSum sum in sums)
        {
            int used = 0;
            for (int i = 0; i < sum.Terms.Length; i++)
            {
                if (row[i] != 0)
                    terms[used++] = new WeightedTensor(sum.Terms.Span[i], row[i]);
            }

            float limit = row[sum.Terms.Length];
            row = row[(sum.Terms.Length + 1)..];
            if (used == 0)
                continue;
            using TensorScope scope = Scope();
            Tensor value = WeightedSum(terms.AsSpan(0, used));
            Assign(sum.Target, float.IsInfinity(limit) ? value : Clamp(value, -limit, limit));
        }

        ArrayPool<WeightedTensor>.Shared.Return(terms, clearArray: true);
    }

    /// <summary>Looks for NaN and infinity without waiting for the device, and remembers where the first was met.</summary>
    /// <param name="x">Any floats, at most 2^24.</param>
    /// <param name="step">The step that made them.</param>
    /// <param name="fault">F32, [3], zeros at first. Of the first one: number of the step counted from 1, index, value; it stays as it is once there is one.</param>
    void FirstFault(Tensor x, StepIndex step, Tensor fault)
    {
        ResultShape.FirstFault(x, fault);
        Span<float> found = stackalloc float[3];
        Download(fault, found);
        if (found[0] > 0)
            return;
        float[] values = ArrayPool<float>.Shared.Rent(checked((int)x.Shape.Count));
        Span<float> used = values.AsSpan(0, (int)x.Shape.Count);
        Download(x, used);
        if (NonFinite.FirstIn(used) is >= 0 and int at)
        {
            using TensorScope scope = Scope();
            Assign(fault, Upload([step.Number + 1, at, used[at]], [3]));
        }

        ArrayPool<float>.Shared.Return(values);
    }
}

/// <summary>A tensor and its factor in a sum.</summary>
/// <param name="Tensor">The tensor.</param>
/// <param name="Factor">Its factor.</param>
public readonly record struct WeightedTensor(Tensor Tensor, float Factor);

/// <summary>One sum of <see cref="ITensorOps.Advance"/>.</summary>
/// <param name="Target">F32; what takes the sum.</param>
/// <param name="Terms">At least one, at most eight, of the target's shape; the target may be among them.</param>
public readonly record struct StepSum(Tensor Target, ReadOnlyMemory<Tensor> Terms);

/// <summary>A linear layer: a product of <see cref="ITensorOps.Project"/>, or a part of a <see cref="LinearChain"/>.</summary>
/// <param name="Weight">Role Linear, [N, K].</param>
/// <param name="Bias">Vector, [N], or none.</param>
public readonly record struct Projection(Weight Weight, Weight? Bias);
