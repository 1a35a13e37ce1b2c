using AudioToken.Tensors;

namespace AudioToken.Sampling;

/// <summary>Writes the sums of a step down, with their factors at all steps, as <see cref="ITensorOps.Advance"/> takes them.</summary>
/// <param name="steps">Number of steps.</param>
internal sealed class StepSums(int steps)
{
    private readonly List<StepSum> _sums = [];
    private readonly List<float[]> _columns = []; // each with a value for each step

    /// <summary>The sums so far, in order.</summary>
    public StepSum[] Sums => [.. _sums];

    /// <summary>Adds a sum. Terms whose factor is 0 at all steps are left out, as is a sum that has no others.</summary>
    /// <param name="target">What takes the sum.</param>
    /// <param name="limit">Largest magnitude at each step, or none at any.</param>
    /// <param name="terms">Tensors with their factors at each step.</param>
    /// <returns>The terms that are left; a tensor put in the place of one is read instead of it.</returns>
    public Tensor[] Add(Tensor target, float[]? limit, params ReadOnlySpan<(Tensor Tensor, float[] Factors)> terms)
    {
        List<Tensor> used = [];
        foreach ((Tensor tensor, float[] factors) in terms)
        {
            if (Array.TrueForAll(factors, factor => factor == 0))
                continue;
            used.Add(tensor);
            _columns.Add(factors);
        }

        Tensor[] left = [.. used];
        if (left.Length == 0)
            return left;
        _columns.Add(limit ?? [.. Enumerable.Repeat(float.PositiveInfinity, steps)]);
        _sums.Add(new StepSum(target, left));
        return left;
    }

    /// <summary>Uploads the factors, [S, columns].</summary>
    public Tensor Upload(ITensorOps ops)
    {
        float[] rows = new float[steps * _columns.Count];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = _columns[i % _columns.Count][i / _columns.Count];
        return ops.Upload(rows, [steps, _columns.Count]);
    }
}
