namespace AudioToken.Bench;

/// <summary>One thing that a device was seen to do at most.</summary>
/// <param name="Name">E.g. <c>fma_peak</c>.</param>
/// <param name="Value">How much; null where it cannot be measured on this device.</param>
/// <param name="Unit">Of the value, e.g. <c>GFLOP/s</c>.</param>
/// <param name="Note">What was measured, or why it was not.</param>
public sealed record Ceiling(string Name, double? Value, string Unit, string Note);
