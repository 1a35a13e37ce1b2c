using AudioToken.Weights;

namespace AudioToken.WeightsConverter.PyTorch.Pickle;

/// <summary>The words in which one pickle is refused.</summary>
/// <param name="file">What the file is called in messages, with the entry in it that holds the pickle.</param>
internal sealed class PickleErrors(string file)
{
    /// <summary>What the file is called.</summary>
    public string File => file;

    /// <summary>Place in the file of the opcode that is being obeyed.</summary>
    public long Place { get; set; }

    /// <summary>The pickle is malformed.</summary>
    public WeightFileException Bad(string what, Exception? inner = null) =>
        new(ErrorCode.Pickle, file, At($"{what}."), "Damaged, or not a checkpoint.", inner);

    /// <summary>The pickle goes beyond <see cref="PickleLimits"/>.</summary>
    public WeightFileException Limit(FormattableString what) =>
        new(ErrorCode.Limit, file, At($"the pickle has {FormattableString.Invariant(what)}."), "No checkpoint of a model this program draws with is like that: do not use the file.");

    /// <summary>The file ends within the pickle.</summary>
    public WeightFileException CutShort(long end) =>
        new(ErrorCode.CutShort, file, At($"the pickle goes on where its data ends, at byte {end}: download again."), "An interrupted download, or damaged.");

    /// <summary>The pickle wants something run.</summary>
    public WeightFileException Refused(string what) =>
        new(ErrorCode.Global, file, At($"the pickle {what}. Nothing of the file was run."),
            "Do not open this file with a program that runs pickles: it may do anything there. Take the model as safetensors from its publisher.");

    /// <summary>The pickle names a global that is not on the list.</summary>
    public WeightFileException NotAllowed(string module, string name)
    {
        string quoted = WeightFileException.Quote($"{module} {name}");
        if (AllowedGlobals.IsModule(module))
        {
            return new WeightFileException(ErrorCode.OtherForm, file, At($"the pickle holds the object {quoted}: a whole module was saved, not its weights. Nothing of the file was run."),
                "If you trust the file, save its weights: python -c \"import torch; torch.save(torch.load('model.pt', 'cpu').state_dict(), 'weights.pt')\"");
        }

        return AllowedGlobals.IsOtherTensor(module, name)
            ? new WeightFileException(ErrorCode.Unsupported, file, At($"the pickle holds a tensor of a kind that is not read here ({quoted})."),
                "Sparse, quantized and meta tensors have to be made ordinary ones where the file was written.")
            : Refused($"names {quoted}, which no checkpoint needs");
    }

    private string At(FormattableString what) => FormattableString.Invariant($"at byte {Place}: {FormattableString.Invariant(what)}");
}
