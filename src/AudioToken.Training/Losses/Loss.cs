namespace AudioToken.Training.Losses;

/// <summary>Scalars to be made small, with their gradients; summed in double on the host, where the few values they see come anyway.</summary>
public static class Loss
{
    /// <summary>Mean of the squared differences.</summary>
    /// <param name="prediction">What the model says.</param>
    /// <param name="target">What it should say; as many values.</param>
    /// <param name="gradient">Receives the gradient by the prediction.</param>
    /// <param name="weight">Factor of the gradient, e.g. one over the steps that are accumulated.</param>
    /// <returns>The mean, without the factor.</returns>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static double MeanSquare(ReadOnlySpan<float> prediction, ReadOnlySpan<float> target, Span<float> gradient, double weight = 1)
    {
        Alike(prediction.Length, target.Length);
        Alike(prediction.Length, gradient.Length);
        double sum = 0, factor = 2 * weight / prediction.Length;
        for (int i = 0; i < prediction.Length; i++)
        {
            double difference = (double)prediction[i] - target[i];
            sum += difference * difference;
            gradient[i] = (float)(factor * difference);
        }

        return sum / prediction.Length;
    }

    /// <summary>Mean of the magnitudes; its gradient is added.</summary>
    /// <param name="values">Any values.</param>
    /// <param name="gradient">The gradient by them is added here.</param>
    /// <param name="weight">Factor of the gradient.</param>
    /// <returns>The mean, without the factor.</returns>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static double MeanMagnitude(ReadOnlySpan<float> values, Span<float> gradient, double weight = 1)
    {
        Alike(values.Length, gradient.Length);
        double sum = 0, factor = weight / values.Length;
        for (int i = 0; i < values.Length; i++)
        {
            sum += Math.Abs((double)values[i]);
            gradient[i] += (float)(factor * Math.Sign(values[i]));
        }

        return sum / values.Length;
    }

    /// <summary>Mean over rows of the squared length; its gradient is added.</summary>
    /// <param name="values">[rows, D].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="gradient">The gradient by the values is added here.</param>
    /// <param name="weight">Factor of the gradient.</param>
    /// <returns>The mean, without the factor.</returns>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static double MeanSquaredLength(ReadOnlySpan<float> values, int rows, Span<float> gradient, double weight = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        Alike(values.Length, gradient.Length);
        double sum = 0, factor = 2 * weight / rows;
        for (int i = 0; i < values.Length; i++)
        {
            sum += (double)values[i] * values[i];
            gradient[i] += (float)(factor * values[i]);
        }

        return sum / rows;
    }

    /// <summary>Mean over rows of the cross-entropy of a softmax with one right class a row.</summary>
    /// <param name="scores">[rows, classes].</param>
    /// <param name="classes">The right class of each row.</param>
    /// <param name="gradient">Receives the gradient by the scores.</param>
    /// <returns>The mean, and how many rows have their highest score at the right class.</returns>
    /// <exception cref="ArgumentException">The counts do not fit.</exception>
    public static (double Mean, int Right) CrossEntropy(ReadOnlySpan<float> scores, ReadOnlySpan<int> classes, Span<float> gradient)
    {
        int rows = classes.Length, width = rows == 0 ? 0 : scores.Length / rows;
        Alike(scores.Length, rows * width);
        Alike(scores.Length, gradient.Length);
        double sum = 0;
        int right = 0;
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> own = scores.Slice(row * width, width);
            double most = double.NegativeInfinity, total = 0;
            foreach (float score in own)
                most = Math.Max(most, score);
            foreach (float score in own)
                total += Math.Exp(score - most);
            for (int c = 0; c < width; c++)
                gradient[(row * width) + c] = (float)(((Math.Exp(own[c] - most) / total) - (c == classes[row] ? 1 : 0)) / rows);
            sum += most + Math.Log(total) - own[classes[row]];
            right += own[classes[row]] == most ? 1 : 0;
        }

        return (sum / rows, right);
    }

    private static void Alike(int found, int wanted)
    {
        if (found != wanted)
            throw new ArgumentException($"A loss was given {found} and {wanted} values; they agree.");
    }
}
