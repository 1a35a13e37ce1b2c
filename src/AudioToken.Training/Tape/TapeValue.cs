using AudioToken.Tensors;

namespace AudioToken.Training.Tape;

/// <summary>A tensor of a recorded forward pass: its memory, where it came from and what has flowed back to it.</summary>
internal sealed class TapeValue(Tensor tensor)
{
    /// <summary>The whole tensor; its memory is gone where <see cref="IsPresent"/> says so.</summary>
    public Tensor Tensor { get; set; } = tensor;

    /// <summary>Whether the memory is there; a dropped value is computed again when it is needed.</summary>
    public bool IsPresent { get; set; } = true;

    /// <summary>Whether the memory belongs to the tape (not to a scope outside it).</summary>
    public bool IsOwned { get; init; }

    /// <summary>The operation that made it, if that was recorded.</summary>
    public TapeNode? Producer { get; set; }

    /// <summary>Whether a gradient shall flow to it.</summary>
    public bool NeedsGradient { get; set; }

    /// <summary>Whether its gradient stays after the way back.</summary>
    public bool IsWatched { get; set; }

    /// <summary>The gradient so far, or no tensor.</summary>
    public Tensor Gradient { get; set; }

    /// <summary>Whether the memory of its gradient has become that of an operand's.</summary>
    public bool IsPassed { get; set; }

    /// <summary>Whether the model has let go of it.</summary>
    public bool IsReleased { get; set; }

    /// <summary>Whether a recorded operation reads it.</summary>
    public bool IsUsed { get; set; }

    /// <summary>Whether a recorded operation needs it for its gradient.</summary>
    public bool IsNeeded { get; set; }
}

/// <summary>An operand of a recorded operation: a value under some shape, perhaps a part of it; or a tensor that the tape does not know.</summary>
internal readonly record struct TapeOperand(TapeValue? Value, Tensor View)
{
    /// <summary>Whether a gradient shall flow to it.</summary>
    public bool NeedsGradient => Value is { NeedsGradient: true };

    /// <summary>The tensor, in the memory in which the value is now.</summary>
    public Tensor Resolve() => Value is null ? View : new Tensor(Value.Tensor.Storage, View.Shape, View.DType, View.Offset);
}

/// <summary>Computes an operation's result from its operands.</summary>
internal delegate Tensor TapeForward(ReadOnlySpan<Tensor> operands);

/// <summary>Sends an operation's gradient on to its operands and weights.</summary>
internal delegate void TapeBackward(ReadOnlySpan<Tensor> operands, Tensor dy, TapeSink sink);

/// <summary>One recorded operation.</summary>
/// <param name="Operands">What it read.</param>
/// <param name="Needed">Bit i: the gradient needs operand i.</param>
/// <param name="Forward">Does it again.</param>
/// <param name="Backward">Its gradient.</param>
/// <param name="Result">What it made.</param>
internal sealed record TapeNode(TapeOperand[] Operands, int Needed, TapeForward Forward, TapeBackward Backward, TapeValue Result);
