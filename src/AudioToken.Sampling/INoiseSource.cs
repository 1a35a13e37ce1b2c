namespace AudioToken.Sampling;

/// <summary>A sequence of normally distributed numbers of mean 0 and variance 1.</summary>
public interface INoiseSource
{
    /// <summary>Draws the next tensor's worth of numbers. How a sequence is cut into calls may change the numbers, as in PyTorch.</summary>
    void Fill(Span<float> destination);
}
