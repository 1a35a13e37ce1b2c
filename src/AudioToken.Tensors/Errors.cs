namespace AudioToken.Tensors;

/// <summary>Root of the exceptions that this library throws about its input, files and devices.</summary>
/// <remarks>A message says subject, found, wanted and, where there is one, the next step.
/// <see cref="Code"/> names the family: 2xxx usage, 3xxx input, 4xxx model, 5xxx device, 6xxx memory, 7xxx numeric, 8xxx input/output.</remarks>
public class AudioTokenException : Exception
{
    /// <summary>Makes an exception with its number and text.</summary>
    public AudioTokenException(int code, string message, string? hint = null, Exception? inner = null)
        : base(message, inner)
    {
        Code = code;
        Hint = hint;
    }

    /// <summary>Number of the error; its thousands name the family.</summary>
    public int Code { get; }

    /// <summary>What to try next, if something is known to help.</summary>
    public string? Hint { get; }
}

/// <summary>An operation was given tensors whose shapes, types or owners do not fit: a mistake in the calling code.</summary>
public sealed class ShapeException : ArgumentException
{
    /// <summary>Makes an exception that names the operation, what it was given and what it wants.</summary>
    public ShapeException(string message)
        : base(message)
    {
    }
}

/// <summary>NaN or infinity appeared where finite numbers are needed.</summary>
public sealed class NumericFaultException : AudioTokenException
{
    /// <summary>Makes an exception for one stage.</summary>
    public NumericFaultException(string stage, string message, string? hint = null)
        : base(7001, message, hint) => Stage = stage;

    /// <summary>The stage whose output was not finite, by its trace name (e.g. <c>noise_pred.12</c>).</summary>
    public string Stage { get; }
}
