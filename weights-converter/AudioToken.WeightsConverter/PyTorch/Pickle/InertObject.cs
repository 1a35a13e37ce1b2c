namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>Where the writer's program had an object of a class that is not needed here; nothing of it is kept but the class's name.</summary>
internal sealed class InertObject(PickleGlobal type)
{
    public PickleGlobal Type { get; } = type;
}
