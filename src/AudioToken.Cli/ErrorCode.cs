namespace AudioToken.Cli;

/// <summary>Numbers of this room's errors.</summary>
internal static class ErrorCode
{
    /// <summary>A fault of the program itself.</summary>
    public const int Internal = 1001;

    /// <summary>The command line cannot be understood, or two options contradict each other.</summary>
    public const int Usage = 2501;

    /// <summary>A number is out of its range.</summary>
    public const int Range = 2502;

    /// <summary>A file given as audio token or as latents does not hold one.</summary>
    public const int TensorInput = 3501;

    /// <summary>A file that 'inspect' knows nothing of.</summary>
    public const int NotInspectable = 3502;

    /// <summary>No model was named and the demonstration is not there.</summary>
    public const int NoModel = 4501;

    /// <summary>The self-test's recording is not there, or is of another model.</summary>
    public const int NoRecording = 4502;

    /// <summary>The device asked for is not in this build.</summary>
    public const int NoDevice = 5501;

    /// <summary>Memory ran out.</summary>
    public const int OutOfMemory = 6501;

    /// <summary>The self-test differs from its recording.</summary>
    public const int SelfTest = 7501;

    /// <summary>The output exists already.</summary>
    public const int OutputExists = 8501;

    /// <summary>The output cannot be written where it was asked for.</summary>
    public const int OutputPlace = 8502;

    /// <summary>The operating system refused something else.</summary>
    public const int System = 8503;
}
