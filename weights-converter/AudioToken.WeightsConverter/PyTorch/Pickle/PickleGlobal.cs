namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>A class or function by name. It is a name and stays one.</summary>
internal sealed record PickleGlobal(string Module, string Name, GlobalRole Role)
{
    public override string ToString() => $"{Module} {Name}";
}
