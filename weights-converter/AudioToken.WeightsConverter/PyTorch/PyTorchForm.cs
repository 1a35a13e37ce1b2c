namespace AudioToken.WeightsConverter.PyTorch;

/// <summary>How torch.save laid a file out.</summary>
public enum PyTorchForm
{
    /// <summary>A ZIP archive: torch 1.6 and later.</summary>
    Zip,

    /// <summary>Five pickles and the storages behind them: before torch 1.6.</summary>
    Legacy,
}
