using System.Numerics.Tensors;
using AudioToken.World.Numbers;

namespace AudioToken.World.Classifiers;

/// <summary>Ridge regression onto one-hot labels over fixed random rectified features, in float64.</summary>
/// <remarks>Features are standardised, f = max(0, W x + b) with W and b drawn once (Rahimi and Recht 2008 with rectifiers); the weights are the exact solution of
/// (F'F + λ n I) w = F'y by Cholesky's factors. Nothing is iterated and nothing is chosen by chance beyond the fixed draws, so training again gives the same classifier.</remarks>
internal sealed class RidgeClassifier
{
    private const double Ridge = 2e-3;

    private readonly double[] _mean, _scale;
    private readonly double[][] _projection, _weights;
    private double _sharpness = 1; // inverse temperature of the softmax

    private RidgeClassifier(double[] mean, double[] scale, double[][] projection, double[][] weights) =>
        (_mean, _scale, _projection, _weights) = (mean, scale, projection, weights);

    /// <summary>Fits examples [n][inputs] with labels in 0 to <paramref name="classes"/> - 1.</summary>
    public static RidgeClassifier Fit(IReadOnlyList<double[]> examples, IReadOnlyList<int> labels, int classes, int features, CancellationToken cancellation)
    {
        int inputs = examples[0].Length;
        double[] mean = new double[inputs], scale = new double[inputs];
        for (int i = 0; i < inputs; i++)
        {
            double sum = 0, squares = 0;
            foreach (double[] example in examples)
                sum += example[i];
            mean[i] = sum / examples.Count;
            foreach (double[] example in examples)
                squares += (example[i] - mean[i]) * (example[i] - mean[i]);
            scale[i] = 1 / Math.Sqrt(squares / examples.Count + 1e-6);
        }

        Draws draws = new(0, "features");
        double[][] projection = new double[features][];
        for (int f = 0; f < features; f++)
        {
            projection[f] = new double[inputs + 1];
            for (int i = 0; i < inputs; i++)
                projection[f][i] = draws.Normal() / Math.Sqrt(inputs);
            projection[f][inputs] = draws.Between(-1, 1);
        }

        RidgeClassifier classifier = new(mean, scale, projection, new double[classes][]);
        double[][] lifted = new double[examples.Count][];
        Parallel.For(0, examples.Count, new ParallelOptions { CancellationToken = cancellation }, n => lifted[n] = classifier.Lift(examples[n]));
        classifier.Solve(lifted, labels, cancellation);
        return classifier;
    }

    /// <summary>A probability for each class: the softmax of the sharpened scores.</summary>
    public double[] Probabilities(double[] example) => Softmax(Scores(example), _sharpness);

    /// <summary>Chooses the sharpness under which examples that were not fitted are likeliest: the best of a fixed ladder.</summary>
    public void Calibrate(IReadOnlyList<double[]> examples, IReadOnlyList<int> labels)
    {
        double[][] scores = [.. examples.Select(Scores)];
        double bestLoss = double.MaxValue;
        for (double sharpness = 1; sharpness < 100; sharpness *= 1.1)
        {
            double loss = 0;
            for (int n = 0; n < scores.Length; n++)
                loss -= Math.Log(Math.Max(1e-12, Softmax(scores[n], sharpness)[labels[n]]));
            if (loss < bestLoss)
                (bestLoss, _sharpness) = (loss, sharpness);
        }
    }

    private static double[] Softmax(double[] scores, double sharpness)
    {
        double best = scores.Max();
        double[] parts = [.. scores.Select(score => Math.Exp(sharpness * (score - best)))];
        double sum = parts.Sum();
        return [.. parts.Select(part => part / sum)];
    }

    private double[] Scores(double[] example)
    {
        double[] lifted = Lift(example);
        return [.. _weights.Select(weights => TensorPrimitives.Dot<double>(weights, lifted))];
    }

    // Standardised inputs, their rectified projections, and a one.
    private double[] Lift(double[] example)
    {
        int inputs = _mean.Length;
        double[] lifted = new double[inputs + _projection.Length + 1];
        for (int i = 0; i < inputs; i++)
            lifted[i] = (example[i] - _mean[i]) * _scale[i];
        for (int f = 0; f < _projection.Length; f++)
            lifted[inputs + f] = Math.Max(0, TensorPrimitives.Dot(_projection[f].AsSpan(0, inputs), lifted.AsSpan(0, inputs)) + _projection[f][inputs]);
        lifted[^1] = 1;
        return lifted;
    }

    private void Solve(double[][] lifted, IReadOnlyList<int> labels, CancellationToken cancellation)
    {
        int size = lifted[0].Length;
        double[][] columns = new double[size][], factor = new double[size][];
        for (int i = 0; i < size; i++)
        {
            columns[i] = new double[lifted.Length];
            for (int n = 0; n < lifted.Length; n++)
                columns[i][n] = lifted[n][i];
        }

        Parallel.For(0, size, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            factor[i] = new double[size];
            for (int j = 0; j <= i; j++)
                factor[i][j] = TensorPrimitives.Dot<double>(columns[i], columns[j]);
            factor[i][i] += Ridge * lifted.Length;
        });
        for (int i = 0; i < size; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int j = 0; j <= i; j++)
            {
                double rest = factor[i][j] - TensorPrimitives.Dot(factor[i].AsSpan(0, j), factor[j].AsSpan(0, j));
                factor[i][j] = i == j ? Math.Sqrt(rest) : rest / factor[j][j];
            }
        }

        for (int c = 0; c < _weights.Length; c++)
        {
            double[] target = [.. labels.Select(label => label == c ? 1.0 : 0.0)];
            double[] right = [.. columns.Select(column => TensorPrimitives.Dot<double>(column, target))];
            for (int i = 0; i < size; i++)
                right[i] = (right[i] - TensorPrimitives.Dot(factor[i].AsSpan(0, i), right.AsSpan(0, i))) / factor[i][i];
            for (int i = size - 1; i >= 0; i--)
            {
                right[i] /= factor[i][i];
                for (int j = 0; j < i; j++)
                    right[j] -= factor[i][j] * right[i];
            }

            _weights[c] = right;
        }
    }
}
