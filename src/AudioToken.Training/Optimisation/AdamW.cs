using System.Numerics;

namespace AudioToken.Training.Optimisation;

/// <summary>Settings of <see cref="AdamW"/>; the defaults are those of the official training script.</summary>
public sealed record AdamWSettings
{
    /// <summary>Decay of the mean of gradients.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Share of every parameter taken away a step, times the learning rate; biases are no exception.</summary>
    public double WeightDecay { get; init; } = 1e-2;
}

/// <summary>Adam with decoupled weight decay. Loshchilov and Hutter 2019.</summary>
public sealed class AdamW
{
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly AdamWSettings _settings;

    /// <summary>Begins with empty moments.</summary>
    public AdamW(IReadOnlyList<Parameter> parameters, AdamWSettings? settings = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _parameters = parameters;
        _settings = settings ?? new AdamWSettings();
        Means = [.. parameters.Select(parameter => new float[parameter.Values.Length])];
        Squares = [.. parameters.Select(parameter => new float[parameter.Values.Length])];
    }

    /// <summary>Updates done.</summary>
    public long Updates { get; set; }

    /// <summary>Running means of the gradients, one array a parameter; a checkpoint holds them.</summary>
    public IReadOnlyList<float[]> Means { get; }

    /// <summary>Running means of the squared gradients.</summary>
    public IReadOnlyList<float[]> Squares { get; }

    /// <summary>Updates every parameter's master values; publishing them is the caller's.</summary>
    /// <param name="gradients">One array a parameter.</param>
    /// <param name="learningRate">Of this update.</param>
    /// <param name="scale">Factor of the gradients, below 1 where they are clipped.</param>
    public void Update(IReadOnlyList<float[]> gradients, double learningRate, double scale = 1)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        Updates++;
        float keep = (float)(1 - (learningRate * _settings.WeightDecay));
        float step = (float)(learningRate / (1 - Math.Pow(_settings.Beta1, Updates)));
        float inverse = (float)(1 / (1 - Math.Pow(_settings.Beta2, Updates)));
        Parallel.For(0, _parameters.Count, i => Update(_parameters[i].Values, gradients[i], Means[i], Squares[i], (float)scale, keep, step, inverse));
    }

    // p = keep p - step m / (sqrt(v inverse) + epsilon)
    private void Update(float[] values, float[] gradient, float[] means, float[] squares, float scale, float keep, float step, float inverse)
    {
        (float beta1, float beta2, float epsilon) = ((float)_settings.Beta1, (float)_settings.Beta2, (float)_settings.Epsilon);
        (float fresh1, float fresh2) = ((float)(1 - _settings.Beta1), (float)(1 - _settings.Beta2));
        int i = 0;
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count)
        {
            Vector<float> g = new Vector<float>(gradient, i) * scale;
            Vector<float> m = (new Vector<float>(means, i) * beta1) + (g * fresh1);
            Vector<float> v = (new Vector<float>(squares, i) * beta2) + (g * g * fresh2);
            m.CopyTo(means, i);
            v.CopyTo(squares, i);
            Vector<float> root = Vector.SquareRoot(v * inverse) + new Vector<float>(epsilon);
            ((new Vector<float>(values, i) * keep) - (m * step / root)).CopyTo(values, i);
        }

        for (; i < values.Length; i++)
        {
            float g = gradient[i] * scale;
            means[i] = (means[i] * beta1) + (g * fresh1);
            squares[i] = (squares[i] * beta2) + (g * g * fresh2);
            values[i] = (values[i] * keep) - (means[i] * step / (MathF.Sqrt(squares[i] * inverse) + epsilon));
        }
    }
}
