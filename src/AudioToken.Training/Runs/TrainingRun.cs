using System.Diagnostics;
using System.Globalization;
using AudioToken.Tensors;
using AudioToken.Training.Optimisation;

namespace AudioToken.Training.Runs;

/// <summary>What a run makes better: parameters, and the gradients of one update. What an update sees depends on its number alone.</summary>
public interface ITrainingTask
{
    /// <summary>What is trained.</summary>
    IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Adds the gradients of an update to empty sums.</summary>
    /// <returns>The loss; NaN or infinity leaves the update out.</returns>
    double Accumulate(long update, GradientSums sums);
}

/// <summary>How a run goes.</summary>
public sealed record RunSettings
{
    /// <summary>Updates in all.</summary>
    public required long Updates { get; init; }

    /// <summary>The learning rate.</summary>
    public required LearningRate LearningRate { get; init; }

    /// <summary>The optimiser.</summary>
    public AdamWSettings Optimiser { get; init; } = new();

    /// <summary>Longest gradient; infinity does not clip.</summary>
    public double ClipNorm { get; init; } = double.PositiveInfinity;

    /// <summary>Whether the loss is scaled on its way back: where the backend stores half precision (fp16).</summary>
    public bool ScalesLoss { get; init; }

    /// <summary>Updates between two checkpoints.</summary>
    public long SaveEvery { get; init; } = 1000;

    /// <summary>Updates in a row that may be left out as not finite before the run stops.</summary>
    public int MostNotFinite { get; init; } = 10;
}

/// <summary>What a run tells after each update.</summary>
/// <param name="Update">Updates done.</param>
/// <param name="Of">Updates in all.</param>
/// <param name="Loss">Of this update.</param>
/// <param name="AverageLoss">Running mean.</param>
/// <param name="LearningRate">Of this update.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="SecondsPerUpdate">Mean of this sitting.</param>
public readonly record struct RunProgress(long Update, long Of, double Loss, double AverageLoss, double LearningRate, double GradientNorm, double SecondsPerUpdate)
{
    /// <summary>Time left at this rate.</summary>
    public TimeSpan Left => TimeSpan.FromSeconds(Math.Max(0, Of - Update) * SecondsPerUpdate);
}

/// <summary>Updates until all are done: optimiser, checkpoints, log, and what to do when numbers fail.</summary>
public sealed class TrainingRun
{
    private readonly IGradientOps _ops;
    private readonly ITrainingTask _task;
    private readonly RunSettings _settings;
    private readonly CheckpointFolder _checkpoints;
    private readonly AdamW _optimiser;
    private readonly TrainingLog _log;
    private readonly string _folder;
    private TensorBoardLog? _curves;

    /// <summary>Prepares a run.</summary>
    /// <param name="ops">The backend that holds the weights.</param>
    /// <param name="task">What is trained.</param>
    /// <param name="settings">How.</param>
    /// <param name="folder">Where log and checkpoints lie.</param>
    /// <param name="fingerprint">Everything on which the run's course depends.</param>
    public TrainingRun(IGradientOps ops, ITrainingTask task, RunSettings settings, string folder, string fingerprint)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(settings);
        (_ops, _task, _settings, _folder) = (ops, task, settings, folder);
        _checkpoints = new CheckpointFolder(folder, fingerprint);
        _optimiser = new AdamW(task.Parameters, settings.Optimiser);
        _log = new TrainingLog(Path.Combine(folder, "log.csv"));
    }

    /// <summary>Where the run stands.</summary>
    public RunState State { get; private set; }

    /// <summary>Goes on from the last whole checkpoint, if there is one.</summary>
    /// <exception cref="AudioTokenException">It is of a run with other settings (4701).</exception>
    public bool Resume(Action<string>? note = null)
    {
        if (_checkpoints.Restore(_optimiser, _task.Parameters, note) is not { } state)
            return false;
        State = state;
        Publish();
        return true;
    }

    /// <summary>Trains to the end.</summary>
    /// <param name="progress">Told after each update.</param>
    /// <param name="cancellation">Stops after the present update, with a checkpoint.</param>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint has been written.</exception>
    /// <exception cref="NumericFaultException">Too many updates in a row were not finite; a checkpoint of the last good state has been written.</exception>
    public void Run(IProgress<RunProgress>? progress = null, CancellationToken cancellation = default)
    {
        GradientSums sums = new(_task.Parameters);
        _log.KeepUpTo(State.Updates);
        _curves = new TensorBoardLog(_folder);
        long begun = State.Updates, saved = State.Updates;
        int notFinite = 0;
        Stopwatch clock = Stopwatch.StartNew();
        while (State.Updates < _settings.Updates)
        {
            if (cancellation.IsCancellationRequested)
            {
                Save();
                cancellation.ThrowIfCancellationRequested();
            }

            sums.Clear();
            LossScale scale = !_settings.ScalesLoss ? LossScale.None : State.LossScale.Value > 0 ? State.LossScale : LossScale.First;
            sums.LossScale = scale.Value;
            double loss = _task.Accumulate(State.Updates, sums), norm = double.IsFinite(loss) ? sums.Norm() : double.NaN;
            double rate = _settings.LearningRate.At(State.Updates);
            bool finite = double.IsFinite(norm);
            if (finite)
            {
                // Gradients longer than the limit are shortened to it. Pascanu et al. 2013.
                _optimiser.Update(sums.Values, rate, norm > _settings.ClipNorm ? _settings.ClipNorm / norm : 1);
                Publish();
            }

            // What a smaller scale may mend is no fault yet.
            notFinite = finite ? 0 : double.IsFinite(loss) && !scale.IsLeast ? notFinite : notFinite + 1;
            double average = !finite ? State.AverageLoss : State.Updates == 0 ? loss : State.AverageLoss + ((loss - State.AverageLoss) / Math.Min(State.Updates + 1, 100));
            State = new RunState(State.Updates + 1, average, State.Skipped + (finite ? 0 : 1))
            {
                LossScale = _settings.ScalesLoss ? scale.After(finite) : default,
            };
            RunProgress told = new(State.Updates, _settings.Updates, loss, average, rate, norm, clock.Elapsed.TotalSeconds / (State.Updates - begun));
            _log.Write(told);
            _curves.Write(told);
            progress?.Report(told);
            if (notFinite >= _settings.MostNotFinite)
            {
                Save();
                throw new NumericFaultException(
                    "training", string.Create(CultureInfo.InvariantCulture, $"loss or gradient were not finite in {notFinite} updates in a row, the last being {State.Updates}"),
                    "a smaller learning rate, or --clip 1");
            }

            if (State.Updates % _settings.SaveEvery == 0)
            {
                Save();
                saved = State.Updates;
            }
        }

        if (saved != State.Updates || !_checkpoints.Exists)
            Save();
    }

    private void Save()
    {
        _log.Flush();
        _curves?.Flush();
        _checkpoints.Save(State, _optimiser, _task.Parameters);
    }

    private void Publish()
    {
        foreach (Parameter parameter in _task.Parameters)
            parameter.Publish(_ops);
    }
}
