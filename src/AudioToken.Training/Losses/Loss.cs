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
        double sum = 0;
        float factor = (float)(weight / values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            sum += Math.Abs((double)values[i]);
            gradient[i] += factor * (values[i] > 0 ? 1 : values[i] < 0 ? -1 : 0);
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

    /// <summary>Sum over classes of the logistic loss, each class being there or not on its own.</summary>
    /// <param name="scores">A score a class.</param>
    /// <param name="present">Whether each is there.</param>
    /// <param name="gradient">Receives the gradient by the scores.</param>
    /// <param name="weight">Factor of the gradient.</param>
    /// <returns>The sum, without the factor.</returns>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static double Logistic(ReadOnlySpan<float> scores, ReadOnlySpan<bool> present, Span<float> gradient, double weight = 1)
    {
        Alike(scores.Length, present.Length);
        Alike(scores.Length, gradient.Length);
        double sum = 0, product = 1;
        for (int i = 0; i < scores.Length; i++)
        {
            double score = scores[i], small = Math.Exp(-Math.Abs(score)), probability = (score < 0 ? small : 1) / (1 + small);
            sum += Math.Max(score, 0) - (present[i] ? score : 0);
            gradient[i] = (float)(weight * (probability - (present[i] ? 1 : 0)));

            // One logarithm of a product for many of its factors, which lie between 1 and 2.
            product *= 1 + small;
            if (product > 1e100)
                (sum, product) = (sum + Math.Log(product), 1);
        }

        return sum + Math.Log(product);
    }

    /// <summary>Square of what the mean cosine of two rows each lacks to 1; its gradient is added. Source: the official script's classification loss.</summary>
    /// <param name="values">[rows, D]; the first row of each pair.</param>
    /// <param name="targets">[rows, D]; the second.</param>
    /// <param name="rows">Number of pairs.</param>
    /// <param name="gradient">The gradient by the values is added here.</param>
    /// <param name="weight">Factor of the gradient.</param>
    /// <returns>The square, without the factor.</returns>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static double LackingCosine(ReadOnlySpan<float> values, ReadOnlySpan<float> targets, int rows, Span<float> gradient, double weight = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        Alike(values.Length, targets.Length);
        Alike(values.Length, gradient.Length);
        int width = values.Length / rows;
        // As torch's cosine similarity: a length counts as 1e-8 at least.
        const double Least = 1e-8;
        double mean = 0;
        Span<(double Dot, double Length, double Target)> pairs = new (double, double, double)[rows];
        for (int row = 0; row < rows; row++)
        {
            double dot = 0, length = 0, target = 0;
            for (int i = row * width; i < (row + 1) * width; i++)
                (dot, length, target) = (dot + ((double)values[i] * targets[i]), length + ((double)values[i] * values[i]), target + ((double)targets[i] * targets[i]));
            pairs[row] = (dot, Math.Max(Math.Sqrt(length), Least), Math.Max(Math.Sqrt(target), Least));
            mean += dot / (pairs[row].Length * pairs[row].Target) / rows;
        }

        double factor = -2 * (1 - mean) * weight / rows;
        for (int i = 0; i < values.Length; i++)
        {
            (double dot, double length, double target) = pairs[i / width];
            gradient[i] += (float)(factor * ((targets[i] / (length * target)) - (dot * values[i] / (length * length * length * target))));
        }

        return (1 - mean) * (1 - mean);
    }

    private static void Alike(int found, int wanted)
    {
        if (found != wanted)
            throw new ArgumentException($"A loss was given {found} and {wanted} values; they agree.");
    }
}
