using System.Text;
using System.Text.Json;

namespace AudioToken.Sampling;

/// <summary>Turns the text of a <c>scheduler_config.json</c> into a <see cref="SchedulerConfig"/>.</summary>
internal readonly ref struct SchedulerConfigReader
{
    private readonly JsonElement _root;

    private SchedulerConfigReader(JsonElement root) => _root = root;

    public static SchedulerConfig Read(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(WithoutBareInfinities(json));
        }
        catch (JsonException e)
        {
            throw new SchedulerConfigException(
                ErrorCode.ConfigMalformed, $"scheduler_config.json is not JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.", inner: e);
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new SchedulerConfigException(ErrorCode.ConfigMalformed, $"scheduler_config.json holds {Kind(document.RootElement)}, expected an object.");
            return new SchedulerConfigReader(document.RootElement).Read();
        }
    }

    private SchedulerConfig Read() => new()
    {
        ClassName = String("_class_name"),
        TrainTimesteps = Integer("num_train_timesteps", 1, NoiseSchedule.MaxTrainTimesteps),
        BetaStart = Number("beta_start"),
        BetaEnd = Number("beta_end"),
        BetaSchedule = String("beta_schedule") switch
        {
            null => null,
            "linear" => Sampling.BetaSchedule.Linear,
            "scaled_linear" => Sampling.BetaSchedule.ScaledLinear,
            "squaredcos_cap_v2" => Sampling.BetaSchedule.SquaredCosine,
            string other => throw SchedulerConfigException.Unsupported("beta_schedule", $"'{other}'", "linear, scaled_linear, squaredcos_cap_v2"),
        },
        TrainedBetas = Numbers("trained_betas"),
        RescaleBetasZeroSnr = Boolean("rescale_betas_zero_snr"),
        Prediction = String("prediction_type") switch
        {
            null => null,
            "epsilon" => PredictionType.Epsilon,
            "v_prediction" => PredictionType.Velocity,
            "sample" => PredictionType.Sample,
            string other => throw SchedulerConfigException.Unsupported("prediction_type", $"'{other}'", "epsilon, v_prediction, sample"),
        },
        Spacing = String("timestep_spacing") switch
        {
            null => null,
            "leading" => TimestepSpacing.Leading,
            "linspace" => TimestepSpacing.Linspace,
            "trailing" => TimestepSpacing.Trailing,
            string other => throw SchedulerConfigException.Unsupported("timestep_spacing", $"'{other}'", "leading, linspace, trailing"),
        },
        StepsOffset = Integer("steps_offset", 0, NoiseSchedule.MaxTrainTimesteps),
        SetAlphaToOne = Boolean("set_alpha_to_one"),
        SkipPrkSteps = Boolean("skip_prk_steps"),
        ClipSample = Boolean("clip_sample"),
        ClipSampleRange = Number("clip_sample_range"),
        VarianceType = String("variance_type"),
        AlgorithmType = String("algorithm_type"),
        SolverOrder = Integer("solver_order", 1, 3),
        SolverType = String("solver_type"),
        LowerOrderFinal = Boolean("lower_order_final"),
        EulerAtFinal = Boolean("euler_at_final"),
        UseKarrasSigmas = Boolean("use_karras_sigmas"),
        FinalSigma = String("final_sigmas_type") switch
        {
            null => null,
            "zero" => Sampling.FinalSigma.Zero,
            "sigma_min" => Sampling.FinalSigma.SigmaMin,
            string other => throw SchedulerConfigException.Unsupported("final_sigmas_type", $"'{other}'", "zero, sigma_min"),
        },
        OriginalInferenceSteps = Integer("original_inference_steps", 1, NoiseSchedule.MaxTrainTimesteps),
        TimestepScaling = Number("timestep_scaling"),
        Unsupported = Switches(),
    };

    private Dictionary<string, string> Switches()
    {
        Dictionary<string, string> found = [];
        foreach (string key in (ReadOnlySpan<string>)["thresholding", "use_lu_lambdas", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas"])
        {
            if (Boolean(key) == true)
                found[key] = "true";
        }

        foreach (string key in (ReadOnlySpan<string>)["sigma_min", "sigma_max", "lambda_min_clipped"])
        {
            if (Number(key) is double number)
                found[key] = Text.Of(number);
        }

        foreach ((string key, string supported) in (ReadOnlySpan<(string, string)>)[("interpolation_type", "linear"), ("timestep_type", "discrete")])
        {
            if (String(key) is string text && text != supported)
                found[key] = $"'{text}'";
        }

        return found;
    }

    // Null and absent are the same: diffusers writes null for "none".
    private JsonElement? Find(string key) =>
        _root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private string? String(string key) => Find(key) is not JsonElement value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw WrongType(key, value, "a string");

    private bool? Boolean(string key) => Find(key) is not JsonElement value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw WrongType(key, value, "true or false");

    private double? Number(string key) => Find(key) is JsonElement value ? Number(key, value) : null;

    private static double Number(string key, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw WrongType(key, value, "a number");

    private int? Integer(string key, int least, int most)
    {
        if (Find(key) is not JsonElement value)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out int number))
            throw WrongType(key, value, "a whole number");
        return number >= least && number <= most ? number : throw SchedulerConfigException.Unsupported(key, Text.Of(number), $"{least} to {most}");
    }

    private float[]? Numbers(string key)
    {
        if (Find(key) is not JsonElement value)
            return null;
        if (value.ValueKind != JsonValueKind.Array)
            throw WrongType(key, value, "a list of numbers");
        float[] numbers = new float[value.GetArrayLength()];
        int i = 0;
        foreach (JsonElement element in value.EnumerateArray())
            numbers[i++] = (float)Number(key, element);
        return numbers;
    }

    private static SchedulerConfigException WrongType(string key, JsonElement value, string wanted) =>
        new(ErrorCode.ConfigMalformed, $"scheduler_config.json: '{key}' is {Kind(value)}, expected {wanted}.");

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };

    // Python writes "lambda_min_clipped": -Infinity, which is not JSON. It means "no limit": null.
    private static string WithoutBareInfinities(string json)
    {
        const string Word = "Infinity";
        if (!json.Contains(Word, StringComparison.Ordinal))
            return json;
        StringBuilder text = new(json.Length);
        bool quoted = false;
        for (int i = 0; i < json.Length; i++)
        {
            char c = json[i];
            if (quoted && c == '\\' && i + 1 < json.Length)
            {
                text.Append(c).Append(json[++i]);
                continue;
            }

            if (c == '"')
                quoted = !quoted;
            int word = c == '-' ? i + 1 : i;
            if (!quoted && string.CompareOrdinal(json, word, Word, 0, Word.Length) == 0)
            {
                text.Append("null");
                i = word + Word.Length - 1;
                continue;
            }

            text.Append(c);
        }

        return text.ToString();
    }
}
