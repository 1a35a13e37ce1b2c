using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>The operations that can be timed alone, by name.</summary>
public static class KernelCases
{
    private static readonly (string Name, string Form, string Example, Func<CaseText, KernelCase> Read)[] s_operations =
    [
        (Conv2dCase.Name, Conv2dCase.Form, Conv2dCase.Example, Conv2dCase.Read),
        (LinearCase.Name, LinearCase.Form, LinearCase.Example, LinearCase.Read),
        (ProjectCase.Name, ProjectCase.Form, ProjectCase.Example, ProjectCase.Read),
        (AttentionCase.Name, AttentionCase.Form, AttentionCase.Example, AttentionCase.Read),
        (GroupNormCase.Name, GroupNormCase.Form, GroupNormCase.Example, GroupNormCase.Read),
        (LayerNormCase.Name, LayerNormCase.Form, LayerNormCase.Example, LayerNormCase.Read),
        (GroupedConv1dCase.Name, GroupedConv1dCase.Form, GroupedConv1dCase.Example, GroupedConv1dCase.Read),
    ];

    /// <summary>Names of the operations.</summary>
    public static IReadOnlyList<string> Operations { get; } = [.. s_operations.Select(operation => operation.Name)];

    /// <summary>Reads a shape in the form of its operation.</summary>
    /// <param name="operation">One of <see cref="Operations"/>.</param>
    /// <param name="shape">E.g. <c>2x64x64x320,320,3x3</c>.</param>
    /// <exception cref="AudioTokenException">There is no such operation (2902), or it has no such shape (2901); the message gives the form.</exception>
    public static KernelCase Parse(string operation, string shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        (string name, string form, string example, Func<CaseText, KernelCase> read) = s_operations.FirstOrDefault(known => known.Name == operation);
        if (name is null)
            throw new AudioTokenException(BenchErrors.Operation, $"--op is '{operation}', wanted one of {string.Join(", ", Operations)}", $"--op {Operations[0]}");
        CaseText text = new(operation, shape, form, example);
        KernelCase made = read(text);
        text.End();
        return Fits(made) ? made : throw text.Refused($"all that it reads and writes is more than {int.MaxValue} elements");
    }

    private static bool Fits(KernelCase made)
    {
        try
        {
            return made.Elements <= int.MaxValue;
        }
        catch (OverflowException)
        {
            return false;
        }
    }
}
