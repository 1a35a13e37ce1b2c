namespace AudioToken.Sampling;

/// <summary>The samplers.</summary>
public enum SamplerKind
{
    /// <summary>Pseudo linear multistep. Liu et al. 2022.</summary>
    Pndm,

    /// <summary>Song et al. 2021.</summary>
    Ddim,

    /// <summary>Ancestral sampling of Ho et al. 2020.</summary>
    Ddpm,

    /// <summary>DPM-Solver++, second order multistep. Lu et al. 2022.</summary>
    DpmSolverPlusPlus2M,

    /// <summary>Euler's method in sigma. Karras et al. 2022, algorithm 2 without churn.</summary>
    Euler,

    /// <summary>Euler's method with fresh noise each step (k-diffusion's <c>euler_ancestral</c>).</summary>
    EulerAncestral,

    /// <summary>Latent consistency. Luo et al. 2023; needs a model or LoRA distilled for it.</summary>
    Lcm,
}

/// <summary>Names of <see cref="SamplerKind"/>: on the command line and in diffusers.</summary>
public static class SamplerKinds
{
    private static readonly (SamplerKind Kind, string Name, string ClassName)[] s_names =
    [
        (SamplerKind.Pndm, "pndm", "PNDMScheduler"),
        (SamplerKind.Ddim, "ddim", "DDIMScheduler"),
        (SamplerKind.Ddpm, "ddpm", "DDPMScheduler"),
        (SamplerKind.DpmSolverPlusPlus2M, "dpm++2m", "DPMSolverMultistepScheduler"),
        (SamplerKind.Euler, "euler", "EulerDiscreteScheduler"),
        (SamplerKind.EulerAncestral, "euler_a", "EulerAncestralDiscreteScheduler"),
        (SamplerKind.Lcm, "lcm", "LCMScheduler"),
    ];

    /// <summary>All names, in the order of <see cref="SamplerKind"/>.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_names.Select(entry => entry.Name)];

    /// <summary>The command line's name, e.g. <c>dpm++2m</c>.</summary>
    public static string Name(this SamplerKind kind) => s_names[(int)kind].Name;

    /// <summary>The name of diffusers' class, e.g. <c>DPMSolverMultistepScheduler</c>.</summary>
    public static string ClassName(this SamplerKind kind) => s_names[(int)kind].ClassName;

    /// <summary>True for the samplers that can take their noise levels from Karras et al. 2022, equation 5.</summary>
    public static bool SupportsKarras(this SamplerKind kind) => kind is SamplerKind.DpmSolverPlusPlus2M or SamplerKind.Euler;

    /// <summary>The sampler of a command-line name.</summary>
    /// <exception cref="SamplerOptionException">No sampler is called so.</exception>
    public static SamplerKind Parse(string name)
    {
        foreach (var entry in s_names)
        {
            if (entry.Name == name)
                return entry.Kind;
        }

        throw new SamplerOptionException(ErrorCode.SamplerName, $"sampling method '{name}' is not known; supported: {string.Join(", ", Names)}.");
    }

    /// <summary>The sampler of a diffusers class, or null if there is none.</summary>
    public static SamplerKind? OfClass(string? className)
    {
        foreach (var entry in s_names)
        {
            if (entry.ClassName == className)
                return entry.Kind;
        }

        return null;
    }
}
