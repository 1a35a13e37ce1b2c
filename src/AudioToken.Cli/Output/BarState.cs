namespace AudioToken.Cli.Output;

/// <summary>What the bar shows.</summary>
/// <param name="Text">What is done now.</param>
/// <param name="Done">How much is done.</param>
/// <param name="Total">Of how much; 0 while that is not known.</param>
internal readonly record struct BarState(string Text, double Done, double Total);
