using System.Text;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>Which parts of an <see cref="Epilogue"/> a product has.</summary>
/// <param name="Bias">One value a column.</param>
/// <param name="Shift">One value a column and sample; convolutions only.</param>
/// <param name="Activation">Of the sums.</param>
/// <param name="Residual">A tensor of the result's shape, added last.</param>
/// <param name="NormFollows">A GroupNorm reads the result.</param>
public readonly record struct CaseEpilogue(bool Bias, bool Shift, Activation Activation, bool Residual, bool NormFollows = false)
{
    private static readonly (string Word, Activation Activation)[] s_activations =
    [
        ("silu", Activation.Silu), ("gelu", Activation.Gelu), ("quick-gelu", Activation.QuickGelu), ("relu", Activation.Relu), ("geglu", Activation.Geglu),
    ];

    /// <summary>What an operation was given.</summary>
    public static CaseEpilogue Of(in Epilogue epilogue) =>
        new(epilogue.Bias is not null, !epilogue.ChannelShift.IsEmpty, epilogue.Activation, !epilogue.Residual.IsEmpty, epilogue.NormFollows);

    /// <summary>A word for each part that is there, but for the bias, whose absence has one.</summary>
    internal IEnumerable<string> Words
    {
        get
        {
            if (Shift)
                yield return "shift";
            if (Activation != Activation.None)
                yield return WordOf(Activation);
            if (Residual)
                yield return "residual";
            if (NormFollows)
                yield return "norm";
        }
    }

    /// <summary>The options in the text of a shape, each with a comma before it.</summary>
    public override string ToString()
    {
        StringBuilder text = new(Bias ? "" : ",nobias");
        foreach (string word in Words)
            text.Append(',').Append(word);
        return text.ToString();
    }

    /// <summary>The word of an activation that is not None.</summary>
    internal static string WordOf(Activation activation) => s_activations.First(known => known.Activation == activation).Word;

    /// <summary>The options that are left of a text.</summary>
    internal static CaseEpilogue Read(CaseText text, bool gegluFits = true, bool shiftFits = false, bool normFits = true)
    {
        CaseEpilogue epilogue = new(!text.Takes("nobias"), shiftFits && text.Takes("shift"), Activation.None, text.Takes("residual"), normFits && text.Takes("norm"));
        foreach ((string word, Activation activation) in s_activations)
        {
            if ((gegluFits || activation != Activation.Geglu) && text.Takes(word))
                epilogue = epilogue with { Activation = activation };
        }

        return epilogue;
    }

    /// <summary>Makes its tensors.</summary>
    internal Epilogue Prepare(CaseInputs inputs, int columns, Shape result) => new(Bias ? inputs.Weight("b.bias", WeightRole.Vector, [columns]) : null)
    {
        ChannelShift = Shift ? inputs.Input("shift", [result[0], columns]) : default,
        Activation = Activation,
        Residual = Residual ? inputs.Input("residual", result) : default,
        NormFollows = NormFollows,
    };
}
