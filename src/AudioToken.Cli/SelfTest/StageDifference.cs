using System.Globalization;

namespace AudioToken.Cli.SelfTest;

/// <summary>How far one stage is from its recording.</summary>
/// <param name="Name">The tensor's name in a trace.</param>
/// <param name="Largest">Largest difference; infinity where the shapes differ.</param>
/// <param name="Allowed">What rounding may make of it.</param>
internal readonly record struct StageDifference(string Name, float Largest, float Allowed)
{
    /// <summary>True if this is more than rounding. NaN is.</summary>
    public bool Differs => !(Largest <= Allowed);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}: largest difference {Largest:g3}, allowed {Allowed:g3}");
}
