namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>A value that holds others.</summary>
internal abstract class PickleContainer
{
    /// <summary>Levels of containers below this one.</summary>
    public int Depth { get; set; }
}
