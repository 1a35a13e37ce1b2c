using AudioToken.Bench.Cases;
using AudioToken.Tensors;

namespace AudioToken.Bench;

/// <summary>Operations by class.</summary>
public static class OperationClasses
{
    /// <summary>The class of an operation, by its name on the command line or in <see cref="ITensorOps"/>.</summary>
    public static OperationClass Of(string operation) => operation switch
    {
        Conv2dCase.Name or GroupedConv1dCase.Name or nameof(ITensorOps.Conv2d) or nameof(ITensorOps.Conv2dWithShortcut) or nameof(ITensorOps.GroupedConv1d) => OperationClass.Conv,
        LinearCase.Name or ProjectCase.Name or nameof(ITensorOps.Linear) or nameof(ITensorOps.LinearChain) or nameof(ITensorOps.Project) => OperationClass.Linear,
        AttentionCase.Name or nameof(ITensorOps.Attention) => OperationClass.Attention,
        _ => OperationClass.Rest,
    };

    /// <summary>The class in a report.</summary>
    public static string Name(OperationClass operations) => operations switch
    {
        OperationClass.Conv => "conv",
        OperationClass.Linear => "linear",
        OperationClass.Attention => "attention",
        _ => "rest",
    };
}
