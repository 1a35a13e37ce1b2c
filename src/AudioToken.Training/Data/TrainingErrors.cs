using AudioToken.Tensors;

namespace AudioToken.Training.Data;

/// <summary>Errors of training, with their numbers.</summary>
internal static class TrainingErrors
{
    /// <summary>The training data is not what it should be.</summary>
    public const int Data = 3701;

    /// <summary>A frame of a video is not to be had.</summary>
    public const int Video = 3702;

    /// <summary>A checkpoint does not belong to this run.</summary>
    public const int OtherRun = 4701;

    /// <summary>Loss or gradients are not finite, time and again.</summary>
    public const int NotFinite = 7701;

    /// <summary>Another process trains in the folder.</summary>
    public const int Locked = 8701;

    /// <summary>A file of the run cannot be read or written.</summary>
    public const int Files = 8702;

    public static AudioTokenException NoSamples(string folder, string found) => new(
        Data, $"'{folder}' holds no sample to train on: {found}", "put name.wav beside name.png or name.jpg, or write a manifest.jsonl with \"audio\" and \"image\" on each line");

    /// <summary>Whether an exception tells of one bad sample and not of a fault of ours.</summary>
    public static bool IsBadSample(Exception exception) => exception is AudioTokenException or IOException or UnauthorizedAccessException or InvalidOperationException or ArgumentException
        or IndexOutOfRangeException or NullReferenceException or OverflowException or NotSupportedException;
}
