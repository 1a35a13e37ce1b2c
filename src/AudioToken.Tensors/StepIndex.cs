namespace AudioToken.Tensors;

/// <summary>Which call of a repeated step this is, from 0: a number that the host knows, or one that the device counts.</summary>
public readonly record struct StepIndex
{
    /// <summary>A number that the host knows.</summary>
    public StepIndex(int number) => Number = number;

    /// <summary>A number that stands in the device's memory.</summary>
    /// <param name="counter">I32, [1].</param>
    public StepIndex(Tensor counter) => (Number, Counter) = (-1, counter);

    /// <summary>The number, or -1 where only the device knows it.</summary>
    public int Number { get; }

    /// <summary>Where the device counts, or absent.</summary>
    public Tensor Counter { get; }
}
