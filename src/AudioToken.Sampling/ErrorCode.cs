namespace AudioToken.Sampling;

/// <summary>Numbers of this room's errors: 24xx what was asked of a sampler, 44xx what a scheduler_config.json holds.</summary>
internal static class ErrorCode
{
    public const int Steps = 2401;
    public const int Scheduler = 2402;
    public const int Eta = 2403;
    public const int SamplerName = 2404;
    public const int GuidanceScale = 2405;
    public const int ConfigMalformed = 4401;
    public const int ConfigUnsupported = 4402;
}
